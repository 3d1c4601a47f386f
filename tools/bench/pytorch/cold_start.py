"""From the start of the process to its first result."""
import torch

print(torch.tensor([1.0, 2.0, 3.0]) * 2 + 1, flush=True)
