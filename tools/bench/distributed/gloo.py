# The same figures from PyTorch's torch.distributed with Gloo. Arguments: rank, size, port.
import json
import os
import sys
import time

import torch
import torch.distributed as dist
from torch import nn

rank, size, port = (int(text) for text in sys.argv[1:4])
os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
torch.set_num_threads(1)
dist.init_process_group("gloo", rank=rank, world_size=size)


def timed(repetitions, run):
    times = []
    for i in range(-(-repetitions // 5) * -1, repetitions):
        dist.barrier()
        started = time.perf_counter()
        run()
        if i >= 0:
            times.append((time.perf_counter() - started) * 1e3)
    return {"best": min(times), "median": sorted(times)[len(times) // 2]}


def reduce_all(count):
    x = torch.ones(count)
    return lambda: dist.all_reduce(x)


def broadcast(count):
    x = torch.ones(count)
    return lambda: dist.broadcast(x, 0)


def gather_all(count):
    x, parts = torch.ones(count // size), list(torch.zeros(count).split(count // size))
    return lambda: dist.all_gather(parts, x)


figures = []
for op, make in (("allReduce", reduce_all), ("broadcast", broadcast), ("allGather", gather_all)):
    for bytes_ in (64, 4096, 65536, 2**20, 25 * 2**20, 64 * 2**20):
        run = make(bytes_ // 4)
        figures.append({"op": op, "bytes": bytes_, "milliseconds": timed(9 if bytes_ > 2**22 else 50, run)})


class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(1, 16, 5, 1, 2), nn.ReLU(), nn.MaxPool2d(2))
        self.conv2 = nn.Sequential(nn.Conv2d(16, 32, 5, 1, 2), nn.ReLU(), nn.MaxPool2d(2))
        self.out = nn.Linear(32 * 7 * 7, 10)

    def forward(self, x):
        x = self.conv2(self.conv1(x))
        return self.out(x.view(x.size(0), -1))


def step(wrapped):
    torch.manual_seed(1)
    network = CNN()
    model = nn.parallel.DistributedDataParallel(network) if wrapped else network
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    loss_function = nn.CrossEntropyLoss()
    x, y = torch.rand(50, 1, 28, 28), torch.randint(0, 10, (50,))

    def run():
        loss = loss_function(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()

    return timed(40, run)


plain, wrapped = step(False), step(True)
if rank == 0:
    print(json.dumps({"library": f"Gloo, PyTorch {torch.__version__}", "size": size, "figures": figures, "plain": plain, "wrapped": wrapped}))
dist.destroy_process_group()
