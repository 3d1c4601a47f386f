"""Writes names.json: the names that PyTorch has in each of its namespaces.

Run with PyTorch installed: python make.py > names.json
"""
import json
import torch
import torch.nn.functional
import torch.nn.init
import torch.nn.utils

spaces = {
    'torch': torch,
    'torch.Tensor': torch.Tensor,
    'torch.nn.functional': torch.nn.functional,
    'torch.nn.init': torch.nn.init,
    'torch.nn.utils': torch.nn.utils,
    'torch.linalg': torch.linalg,
    'torch.special': torch.special,
    'torch.autograd': torch.autograd,
}
names = {
    space: sorted(n for n in dir(holder) if not n.startswith('_') and callable(getattr(holder, n, None)) and not isinstance(getattr(holder, n), type))
    for space, holder in spaces.items()
}
print(json.dumps(names))
