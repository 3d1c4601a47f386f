"""The benchmark's works in PyTorch: twin.py THREADS MNIST PARTS reads lines "prepare NAME", "run WARM COUNT" and "quit", and answers each run,
which makes WARM calls before it times COUNT, with seconds per call; an epoch over the files in the folder MNIST takes PARTS calls. twin.py --peak THREADS NAME COUNT runs one work COUNT times and
prints the largest memory of the process in MB."""
import math
import resource
import sys
import time

import numpy
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
        return self.out(self.rnn(x, None)[0][:, -1])


WIDTH, HEADS = 256, 4


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln1 = nn.LayerNorm(WIDTH)
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)
        self.ln2 = nn.LayerNorm(WIDTH)
        self.fc1 = nn.Linear(WIDTH, 4 * WIDTH)
        self.fc2 = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x):
        n, t, _ = x.shape
        q, k, v = self.qkv(self.ln1(x)).view(n, t, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, t, WIDTH)
        y = x + self.proj(attended)
        return y + self.fc2(F.gelu(self.fc1(self.ln2(y))))


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


def block():
    net = Block()
    return step(net, nn.MSELoss(), torch.optim.Adam(net.parameters(), lr=0.001), torch.randn(8, 128, WIDTH), torch.randn(8, 128, WIDTH))


def read_idx(name, offset):
    return torch.from_numpy(numpy.fromfile(f"{MNIST}/{name}", dtype=numpy.uint8, offset=offset))


def epoch(network, shape, batch_size, lr):
    """One pass over MNIST, a part at each call."""

    def setup():
        x = read_idx("train-images-idx3-ubyte", 16).reshape(-1, 1, 28, 28).float() / 255
        y = read_idx("train-labels-idx1-ubyte", 8).long()
        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=batch_size, shuffle=True)
        steps = math.ceil(len(loader) / PARTS)
        net, loss_function = network(), nn.CrossEntropyLoss()
        optimizer = torch.optim.Adam(net.parameters(), lr=lr)
        batches = None

        def part():
            nonlocal batches
            if batches is None:
                batches = iter(loader)
            for _ in range(steps):
                pair = next(batches, None)
                if pair is None:
                    return
                loss = loss_function(net(pair[0].view(shape)), pair[1])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                loss.item()

        return part

    return setup


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


def embedding(backward):
    def setup():
        table = torch.randn(10000, 256).requires_grad_()
        picks = torch.randint(0, 10000, (8, 128))
        g = torch.randn(8, 128, 256)
        if not backward:
            return lambda: F.embedding(picks, table)

        def work():
            table.grad = None
            F.embedding(picks, table).backward(g)

        return work

    setup.grad = backward
    return setup


def recorded_add():
    a, b = torch.randn(10).requires_grad_(), torch.randn(10).requires_grad_()
    return lambda: a + b


def recorded_add_and_sum():
    a, b = torch.randn(10).requires_grad_(), torch.randn(10).requires_grad_()

    def work():
        a.grad = None
        b.grad = None
        (a + b).sum().backward()

    return work


def of_positive(run):
    def setup():
        x = torch.rand(MILLION)
        return lambda: run(x)

    setup.grad = False
    return setup


def indexed(make, run):
    """Work without recording on what `make` gives."""

    def setup():
        inputs = make()
        return lambda: run(*inputs)

    setup.grad = False
    return setup


def masked():
    x = torch.randn(MILLION)
    return x, x > 0


def inference(network, shape):
    def setup():
        net, x = network(), torch.randn(shape)
        return lambda: net(x)

    setup.grad = False
    return setup


def trained(make, shape, output=lambda y: y):
    """A module forward and backward, from a given gradient of its output."""

    def setup():
        module, x = make(), torch.randn(shape)
        with torch.no_grad():
            g = torch.randn(output(module(x)).shape)
        parameters = list(module.parameters())

        def run():
            for parameter in parameters:
                parameter.grad = None
            output(module(x)).backward(g)

        return run

    return setup


def cross_entropy():
    x, y = torch.randn(64, 1000, requires_grad=True), torch.randint(0, 1000, (64,))

    def run():
        x.grad = None
        F.cross_entropy(x, y).backward()

    return run


def updated(make):
    """An optimizer's step over all parameters of the CNN."""

    def setup():
        parameters = list(CNN().parameters())
        optimizer = make(parameters)
        for parameter in parameters:
            parameter.grad = torch.randn_like(parameter)
        return optimizer.step

    return setup


def first(outputs):
    return outputs[0]


def product(m, k, n):
    return plain([(m, k), (k, n)], lambda a, b: a @ b)


MILLION = 1000000
IMAGE = [(50, 16, 28, 28)]
NORMED = [(1024, 256), (256,), (256,)]

works = {
    "W1 regression step": regression,
    "W2 classification step": classification,
    "W3 CNN step": cnn,
    "W4 LSTM step": lstm,
    "W6 transformer block step": block,
    "W3 CNN epoch": epoch(CNN, (-1, 1, 28, 28), 50, 0.001),
    "W4 LSTM epoch": epoch(Rows, (-1, 28, 28), 64, 0.01),
    "W7 CNN inference": inference(CNN, (1, 1, 28, 28)),
    "W7 LSTM inference": inference(Rows, (1, 28, 28)),
    "W7 block inference": inference(Block, (1, 128, WIDTH)),
    **{f"W5 matmul {n}": product(n, n, n) for n in (64, 128, 256, 512, 1024)},
    "W5 matmul 1x1000x1000": product(1, 1000, 1000),
    "W5 matmul 1000x1000x1": product(1000, 1000, 1),
    "W5 matmul 1024x16x1024": product(1024, 16, 1024),
    "W5 linear 50x1568x10": plain([(50, 1568), (10, 1568), (10,)], F.linear),
    **{f"W5 add {n}": plain([(n,), (n,)], lambda x, y: x + y) for n in (10, 1000, MILLION)},
    "W5 add 10 recorded": recorded_add,
    "W5 add 10 and sum both": recorded_add_and_sum,
    "W5 add row 1000x1000": plain([(1000, 1000), (1000,)], lambda x, y: x + y),
    "W5 mul number 10": plain([(10,)], lambda x: x * 2),
    "W5 relu 1000000": plain([(MILLION,)], torch.relu),
    **{f"W5 exp {n}": plain([(n,)], torch.exp) for n in (10, 1000, MILLION)},
    "W5 tanh 1000000": plain([(MILLION,)], torch.tanh),
    "W5 log 1000000": of_positive(torch.log),
    "W5 sqrt 1000000": of_positive(torch.sqrt),
    **{f"W5 sum {n}": plain([(n,)], lambda x: x.sum()) for n in (10, 1000, MILLION)},
    "W5 sum dim 0 1000x1000": plain([(1000, 1000)], lambda x: x.sum(0)),
    "W5 sum dim 1 1000x1000": plain([(1000, 1000)], lambda x: x.sum(1)),
    "W5 max dim 1 1000x1000": plain([(1000, 1000)], lambda x: x.max(1)),
    "W5 cumsum 1000x1000": plain([(1000, 1000)], lambda x: x.cumsum(1)),
    "W5 transposed copy 1000x1000": plain([(1000, 1000)], lambda x: x.t().contiguous()),
    "W5 softmax 64x1000": plain([(64, 1000)], lambda x: x.softmax(1)),
    "W5 softmax 64x1000 both": both([(64, 1000)], (64, 1000), lambda x: x.softmax(1)),
    "W5 layer norm 1024x256": plain(NORMED, lambda x, w, b: F.layer_norm(x, (256,), w, b)),
    "W5 layer norm 1024x256 both": both(NORMED, (1024, 256), lambda x, w, b: F.layer_norm(x, (256,), w, b)),
    "W5 gelu 1024x256": plain([(1024, 256)], F.gelu),
    "W5 gelu 1024x256 both": both([(1024, 256)], (1024, 256), F.gelu),
    "W5 embedding": embedding(False),
    "W5 embedding both": embedding(True),
    "W5 conv2d": plain([(50, 16, 14, 14), (32, 16, 5, 5), (32,)], lambda x, w, b: F.conv2d(x, w, b, 1, 2)),
    "W5 conv2d both": both([(50, 16, 14, 14), (32, 16, 5, 5)], (50, 32, 14, 14), lambda x, w: F.conv2d(x, w, None, 1, 2)),
    "W5 max pool": plain(IMAGE, lambda x: F.max_pool2d(x, 2)),
    "W5 max pool both": both(IMAGE, (50, 16, 14, 14), lambda x: F.max_pool2d(x, 2)),
    "W5 average pool": plain(IMAGE, lambda x: F.avg_pool2d(x, 2)),
    "W5 rows by index": indexed(lambda: (torch.randn(10000, 256), torch.randint(0, 10000, (1024,))), lambda x, rows: x[rows]),
    "W5 gather 1000x1000": indexed(lambda: (torch.randn(1000, 1000), torch.randint(0, 1000, (1000, 1000))), lambda x, index: x.gather(1, index)),
    "W5 masked select 1000000": indexed(masked, lambda x, mask: x[mask]),
    "fused linear and relu both": trained(lambda: nn.Sequential(nn.Linear(256, 256), nn.ReLU()), (1024, 256)),
    "fused convolution, relu and pool both": trained(lambda: nn.Sequential(nn.Conv2d(16, 32, 5, 1, 2), nn.ReLU(), nn.MaxPool2d(2)), (50, 16, 14, 14)),
    "fused softmax and cross entropy both": cross_entropy,
    "fused attention both": both([(8, 4, 128, 64)] * 3, (8, 4, 128, 64), F.scaled_dot_product_attention),
    "fused LSTM both": trained(lambda: nn.LSTM(28, 64, batch_first=True), (64, 28, 28), first),
    "fused GRU both": trained(lambda: nn.GRU(28, 64, batch_first=True), (64, 28, 28), first),
    "fused Adam step": updated(lambda parameters: torch.optim.Adam(parameters, lr=0.001)),
    "fused SGD step": updated(lambda parameters: torch.optim.SGD(parameters, lr=0.001, momentum=0.9)),
}


def peak_kilobytes():
    """The largest resident memory. The system's usage figure would begin with that of the process which started this one."""
    try:
        with open("/proc/self/status") as status:
            return int(next(line for line in status if line.startswith("VmHWM")).split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def peak(name, count):
    work = works[name]()
    for _ in range(count):
        work()
    print(peak_kilobytes() / 1024)


def serve():
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
            warm, count = map(int, argument.split())
            for _ in range(warm):
                work()
            start = time.perf_counter()
            for _ in range(count):
                work()
            print((time.perf_counter() - start) / count, flush=True)


arguments = sys.argv[1:]
peaking = arguments[0] == "--peak"
if peaking:
    arguments.pop(0)
torch.set_num_threads(int(arguments[0]))
torch.manual_seed(1)
if peaking:
    peak(arguments[1], int(arguments[2]))
else:
    MNIST, PARTS = arguments[1], int(arguments[2])
    serve()
