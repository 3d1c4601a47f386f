"""Reads with PyTorch what Flambeau wrote: runs each net on its stored inputs and compares with its stored outputs.

Arguments: a folder, and the names of nets in it, or none for everything that pytorch.test.ts writes. Prints one JSON object. Works from PyTorch 1.13 on.
"""

import json
import sys
from pathlib import Path

import torch
from torch import nn

FOLDER = Path(sys.argv[1])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(1, 10)
        self.predict = nn.Linear(10, 1)

    def forward(self, x):
        return self.predict(torch.relu(self.hidden(x)))


class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(1, 16, 5, 1, 2), nn.ReLU(), nn.MaxPool2d(2))
        self.conv2 = nn.Sequential(nn.Conv2d(16, 32, 5, 1, 2), nn.ReLU(), nn.MaxPool2d(2))
        self.out = nn.Linear(32 * 7 * 7, 10)

    def forward(self, x):
        return self.out(self.conv2(self.conv1(x)).flatten(1))


class RNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(28, 64, batch_first=True)
        self.out = nn.Linear(64, 10)

    def forward(self, x):
        states, _ = self.rnn(x, None)
        return self.out(states[:, -1])


def normed():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 26 * 26, 3))


NETS = {
    "regression": Net,
    "classification": lambda: nn.Sequential(nn.Linear(2, 10), nn.ReLU(), nn.Linear(10, 2)),
    "cnn": CNN,
    "lstm": RNN,
    "normed": normed,
}


# The weights_only reader of PyTorch 1.13 knows tensors, strings and integers, but neither floats nor bytes; it came without them.
OLD = int(torch.__version__.split(".")[0]) < 2


def load(name, holds_floats=False):
    return torch.load(FOLDER / name, weights_only=not (OLD and holds_floats))


def check_net(name):
    net = NETS[name]()
    net.load_state_dict(load(f"{name}.pt"), strict=True)
    net.eval()
    io = load(f"{name}.io.pt")
    with torch.no_grad():
        difference = (net(io["x"]) - io["y"]).abs().max().item()
    return {"difference": difference}


def check_adam():
    """Loads model and optimizer of a checkpoint and makes the step that Flambeau made after saving it."""
    checkpoint = load("adam.pt", holds_floats=True)
    net = Net()
    net.load_state_dict(checkpoint["model"])
    optimizer = torch.optim.Adam(net.parameters(), lr=0.5)
    optimizer.load_state_dict(checkpoint["optimizer"])
    loss = nn.MSELoss()(net(checkpoint["x"]), checkpoint["y"])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    after = checkpoint["after"]
    difference = max((value - after[key]).abs().max().item() for key, value in net.state_dict().items())
    return {"difference": difference, "lr": optimizer.param_groups[0]["lr"], "epoch": checkpoint["epoch"]}


def bits(value):
    """The elements as unsigned integers of their width, from the bytes of the storage."""
    width = value.element_size()
    raw = value.contiguous().view(torch.uint8) if value.dtype != torch.bool else value.to(torch.uint8)
    flat = raw.reshape(-1).tolist()
    return [str(int.from_bytes(bytes(flat[i : i + width]), "little")) for i in range(0, len(flat), width)]


def check_values():
    values = load("values.pt", holds_floats=True)
    tensors = {
        key: [str(value.dtype), list(value.shape), [float(v) for v in value.reshape(-1).to(torch.float64)]]
        for key, value in values["tensors"].items()
    }
    shared = values["shared"]
    return {
        "tensors": tensors,
        "edges": {key: [str(value.dtype), bits(value)] for key, value in values["edges"].items()},
        "shared": shared["whole"].data_ptr() == shared["transposed"].data_ptr(),
        "strides": list(shared["transposed"].stride()),
        "plain": values["plain"],
        "bytes": list(values["bytes"]),
        "keys": [type(key).__name__ for key in values["keys"]],
        "order": type(values["map"]).__name__,
        "set": sorted(repr(item) for item in values["set"]) if isinstance(values["set"], set) else [],
        "nothing": repr(values["nothing"]),
    }


def main():
    names = sys.argv[2:]
    report = {name: check_net(name) for name in names or NETS}
    if names:
        print(json.dumps(report))
        return
    report["adam"] = check_adam()
    report["values"] = check_values()
    # Back again: what PyTorch itself writes from what it read.
    back = {"state": NETS["cnn"]().state_dict(), "step": 3}
    torch.save(back, FOLDER / "back.pt")
    torch.save(back, FOLDER / "back.legacy.pt", _use_new_zipfile_serialization=False)
    report["back"] = {key: float(value.double().sum()) for key, value in back["state"].items()}
    report["version"] = torch.__version__
    print(json.dumps(report))


main()
