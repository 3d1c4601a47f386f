"""The benchmark's works in PyTorch. Reads lines "prepare NAME", "run COUNT" and "quit"; answers each run with seconds per call."""
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(1, 16, 5, 1, 2), nn.ReLU(), nn.MaxPool2d(2))
        self.conv2 = nn.Sequential(nn.Conv2d(16, 32, 5, 1, 2), nn.ReLU(), nn.MaxPool2d(2))
        self.out = nn.Linear(32 * 7 * 7, 10)

    def forward(self, x):
        features = self.conv2(self.conv1(x))
        return self.out(features.view(features.size(0), -1))


class Rows(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(28, 64, num_layers=1, batch_first=True)
        self.out = nn.Linear(64, 10)

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])


def small(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, 10), nn.ReLU(), nn.Linear(10, outputs))


def step(net, loss, optimizer, x, y):
    def run():
        value = loss(net(x), y)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()

    return run


def regression():
    x = torch.linspace(-1, 1, 100).unsqueeze(1)
    y = x.pow(2) + 0.2 * torch.rand(x.size())
    net = small(1, 1)
    return step(net, nn.MSELoss(), torch.optim.SGD(net.parameters(), lr=0.2), x, y)


def classification():
    n = torch.ones(100, 2)
    x = torch.cat((torch.normal(2 * n, 1), torch.normal(-2 * n, 1)), 0)
    y = torch.cat((torch.zeros(100), torch.ones(100))).long()
    net = small(2, 2)
    return step(net, nn.CrossEntropyLoss(), torch.optim.SGD(net.parameters(), lr=0.02), x, y)


def cnn():
    net = CNN()
    return step(net, nn.CrossEntropyLoss(), torch.optim.Adam(net.parameters(), lr=0.001), torch.rand(50, 1, 28, 28), torch.randint(0, 10, (50,)))


def lstm():
    net = Rows()
    return step(net, nn.CrossEntropyLoss(), torch.optim.Adam(net.parameters(), lr=0.01), torch.rand(64, 28, 28), torch.randint(0, 10, (64,)))


def plain(shapes, run):
    """Work without recording on tensors of normal numbers."""

    def setup():
        inputs = [torch.randn(shape) for shape in shapes]
        return lambda: run(*inputs)

    setup.grad = False
    return setup


def both(shapes, gradient, run):
    """Forward and backward, from a given gradient."""

    def setup():
        inputs = [torch.randn(shape).requires_grad_() for shape in shapes]
        g = torch.randn(gradient)

        def work():
            for x in inputs:
                x.grad = None
            run(*inputs).backward(g)

        return work

    return setup


def embedding():
    table = torch.randn(10000, 256).requires_grad_()
    picks = torch.randint(0, 10000, (8, 128))
    g = torch.randn(8, 128, 256)

    def work():
        table.grad = None
        F.embedding(picks, table).backward(g)

    return work


def recorded_add():
    a, b = torch.randn(10).requires_grad_(), torch.randn(10).requires_grad_()
    return lambda: a + b


def inference(network, shape):
    def setup():
        net, x = network(), torch.randn(shape)
        return lambda: net(x)

    setup.grad = False
    return setup


works = {
    "W1 regression step": regression,
    "W2 classification step": classification,
    "W3 CNN step": cnn,
    "W4 LSTM step": lstm,
    "W7 CNN inference": inference(CNN, (1, 1, 28, 28)),
    "W7 LSTM inference": inference(Rows, (1, 28, 28)),
    **{f"W5 matmul {n}": plain([(n, n), (n, n)], lambda a, b: a @ b) for n in (64, 256, 512, 1024)},
    "W5 linear 50x1568x10": plain([(50, 1568), (10, 1568), (10,)], lambda x, w, b: F.linear(x, w, b)),
    "W5 matmul 1x1000x1000": plain([(1, 1000), (1000, 1000)], lambda a, b: a @ b),
    **{f"W5 add {n}": plain([(n,), (n,)], lambda x, y: x + y) for n in (10, 1000, 1000000)},
    "W5 relu 1000000": plain([(1000000,)], torch.relu),
    "W5 exp 1000000": plain([(1000000,)], torch.exp),
    "W5 tanh 1000000": plain([(1000000,)], torch.tanh),
    "W5 log 1000000": plain([(1000000,)], lambda x: x.abs().log()),
    "W5 sum 1000000": plain([(1000000,)], lambda x: x.sum()),
    "W5 sum dim 0 1000x1000": plain([(1000, 1000)], lambda x: x.sum(0)),
    "W5 transposed copy 1000x1000": plain([(1000, 1000)], lambda x: x.t().contiguous()),
    "W5 softmax 64x1000": plain([(64, 1000)], lambda x: x.softmax(1)),
    "W5 layer norm 1024x256": plain([(1024, 256), (256,), (256,)], lambda x, w, b: F.layer_norm(x, (256,), w, b)),
    "W5 layer norm 1024x256 both": both([(1024, 256), (256,), (256,)], (1024, 256), lambda x, w, b: F.layer_norm(x, (256,), w, b)),
    "W5 gelu 1024x256": plain([(1024, 256)], F.gelu),
    "W5 gelu 1024x256 both": both([(1024, 256)], (1024, 256), F.gelu),
    "W5 embedding both": embedding,
    "W5 conv2d forward": plain([(50, 16, 14, 14), (32, 16, 5, 5), (32,)], lambda x, w, b: F.conv2d(x, w, b, 1, 2)),
    "W5 conv2d both": both([(50, 16, 14, 14), (32, 16, 5, 5)], (50, 32, 14, 14), lambda x, w: F.conv2d(x, w, None, 1, 2)),
    "W5 max pool forward": plain([(50, 16, 28, 28)], lambda x: F.max_pool2d(x, 2)),
    "W5 add 10 recorded": recorded_add,
}


def main():
    torch.set_num_threads(int(sys.argv[1]))
    torch.manual_seed(1)
    work = None
    print("ready", torch.__version__, flush=True)
    for line in sys.stdin:
        command, _, argument = line.strip().partition(" ")
        if command == "quit":
            return
        if command == "prepare":
            setup = works.get(argument)
            torch.set_grad_enabled(getattr(setup, "grad", True))
            work = setup and setup()
            print("ok" if work else "unknown", flush=True)
        else:
            count = int(argument)
            start = time.perf_counter()
            for _ in range(count):
                work()
            print((time.perf_counter() - start) / count, flush=True)


main()
