"""Steps recorded once as a CUDA graph and played back, for steps too small to keep a GPU busy from Python.

A tuning step of 16 samples takes an H100 less time than Python takes to launch its thousand kernels.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

AHEAD = 4
"""Steps that may wait for the device: enough to keep it busy, few enough that a look at the clock is true."""

WARM_UP_STEPS = 3


class GraphedStep:
    """`step(*inputs, rates)` recorded for inputs of fixed shapes. What it changes (weights, momentum) must stay in the
    same memory from then on, as must what it reads.

    Recording runs the step WARM_UP_STEPS times, with the example inputs and rates of zero, and so leaves traces in
    whatever it changes. Raises RuntimeError (torch.cuda.OutOfMemoryError among them) where it cannot be recorded; its
    stream may still be the current one then.
    """

    def __init__(
        self, step: Callable[[Sequence[Tensor], Sequence[Tensor]], Tensor], examples: Sequence[Tensor], num_rates: int
    ) -> None:
        """step: inputs, rates → loss, all on one GPU; it may not wait for the device. examples: inputs."""
        self.inputs = [tensor.clone() for tensor in examples]
        self.rates = [torch.zeros((), device=examples[0].device) for _ in range(num_rates)]
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP_STEPS):
                step(self.inputs, self.rates)
        torch.cuda.current_stream().wait_stream(stream)
        torch.cuda.empty_cache()  # what the warm-up held is needed for the graph
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.loss = step(self.inputs, self.rates)
        self.waiting: deque[torch.cuda.Event] = deque()

    def __call__(self, inputs: Sequence[Tensor], rates: Sequence[float]) -> Tensor:
        """Plays the step back; its loss, which no later step changes."""
        torch._foreach_copy_(self.inputs, list(inputs))
        for tensor, rate in zip(self.rates, rates, strict=True):
            tensor.fill_(rate)
        self.graph.replay()
        event = torch.cuda.Event(blocking=True)
        event.record()
        self.waiting.append(event)
        if len(self.waiting) > AHEAD:
            self.waiting.popleft().synchronize()
        return self.loss.clone()
