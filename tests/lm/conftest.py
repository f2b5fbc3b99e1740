"""One thread for torch; models and tokenizers of the tests."""

try:
    import torch
except ModuleNotFoundError:
    torch = None

if torch is not None:
    torch.set_num_threads(1)
