"""One thread for torch in these tiny tests; every test module here skips itself where torch is absent."""

try:
    import torch
except ModuleNotFoundError:
    torch = None

if torch is not None:
    torch.set_num_threads(1)
