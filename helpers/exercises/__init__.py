"""The exercises, one module for each notebook, and `EXERCISES` with all of them by name.

`from helpers import exercises as ex`, then `ex.convolution.conv2d.check(conv2d)`, `.hint()`, `.solution()`.
"""

from . import convolution, edges, gpu, limits, linear, losses, modules, normalization, padding, pooling, start_here
from .engine import EXERCISES, Exercise, Verdict

__all__ = [
    "EXERCISES",
    "Exercise",
    "Verdict",
    "convolution",
    "edges",
    "gpu",
    "limits",
    "linear",
    "losses",
    "modules",
    "normalization",
    "padding",
    "pooling",
    "start_here",
]
