"""Offline solver for ARC-AGI: time-budgeted tree search over programs of executed steps."""

__version__ = "0.1.0"
