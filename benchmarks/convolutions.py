"""The ladder of convolutions: the same numbers by loops, slices, unfold, a strided view, `helpers.ops` and torch.

`python -m benchmarks.convolutions` prints how long each takes as a multiple of `F.conv2d`, in processor time of one
thread, so that what else the machine does hardly counts. `helpers.ops.conv2d` must stay within three times of it.
Last comes one convolution forward and backward in both orders of memory; how much channels_last gains depends on the
machine, so nothing is demanded of it.
"""

import argparse
import platform
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from helpers import ops

ROUNDS, MOST = 7, 3.0
N, C_IN, C_OUT, SIDE, K = 4, 3, 8, 32, 3


def by_loops(x: Tensor, weight: Tensor) -> Tensor:
    """One product of a window and a kernel for each image, output channel and place."""
    out = x.new_empty(N, C_OUT, SIDE - K + 1, SIDE - K + 1)
    for n in range(N):
        for channel in range(C_OUT):
            for i in range(out.shape[2]):
                for j in range(out.shape[3]):
                    out[n, channel, i, j] = (x[n, :, i : i + K, j : j + K] * weight[channel]).sum()
    return out


def by_slices(x: Tensor, weight: Tensor) -> Tensor:
    """One product of a shifted picture and a weight for each place in the kernel."""
    size = SIDE - K + 1
    shifted = [((a, b), x[:, :, a : a + size, b : b + size]) for a in range(K) for b in range(K)]
    return sum(torch.einsum("nchw,oc->nohw", part, weight[:, :, a, b]) for (a, b), part in shifted)


def by_unfold(x: Tensor, weight: Tensor) -> Tensor:
    """All windows as columns, then one product of matrices."""
    return (weight.flatten(1) @ F.unfold(x, K)).view(N, C_OUT, SIDE - K + 1, SIDE - K + 1)


def by_strided_view(x: Tensor, weight: Tensor) -> Tensor:
    """All windows as a view with six axes that copies nothing, then one sum of products."""
    n, c, h, w = x.stride()
    windows = x.as_strided((N, C_IN, SIDE - K + 1, SIDE - K + 1, K, K), (n, c, h, w, h, w))
    return torch.einsum("nchwab,ocab->nohw", windows, weight)


LADDER: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "loops": by_loops,
    "slices": by_slices,
    "unfold": by_unfold,
    "strided view": by_strided_view,
    "helpers.ops.conv2d": ops.conv2d,
    "F.conv2d": F.conv2d,
}


def measure() -> dict[str, float]:
    """Return the processor seconds of each way: the fastest of `ROUNDS`, taken in turn after one to warm up."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(N, C_IN, SIDE, SIDE, generator=generator)
    weight = torch.randn(C_OUT, C_IN, K, K, generator=generator)
    times: dict[str, list[float]] = {name: [] for name in LADDER}
    with torch.no_grad():
        for name, way in LADDER.items():
            assert torch.allclose(way(x, weight), F.conv2d(x, weight), atol=1e-4), name
        for _ in range(ROUNDS):
            for name, way in LADDER.items():
                repeat = 1 if name == "loops" else 50
                start = time.process_time()
                for _ in range(repeat):
                    way(x, weight)
                times[name].append((time.process_time() - start) / repeat)
    return {name: min(taken) for name, taken in times.items()}


def orders_of_memory() -> float:
    """Return how many times longer a convolution, forward and backward, takes as usual than with channels_last."""
    generator = torch.Generator().manual_seed(0)
    times: dict[torch.memory_format, list[float]] = {torch.contiguous_format: [], torch.channels_last: []}
    for order in list(times) * (ROUNDS + 1):
        x = torch.randn(64, 16, SIDE, SIDE, generator=generator).to(memory_format=order)
        weight = torch.randn(32, 16, K, K, generator=generator).to(memory_format=order).requires_grad_()
        start = time.process_time()
        F.conv2d(x, weight).sum().backward()
        times[order].append(time.process_time() - start)
    usual, last = (min(taken[1:]) for taken in times.values())
    return usual / last


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    times = measure()
    ratios = {name: taken / times["F.conv2d"] for name, taken in times.items()}
    for name, ratio in ratios.items():
        print(f"{name:20s} {1000 * times[name]:9.3f} ms, {ratio:8.1f} times F.conv2d")
    print(f"channels_last: {orders_of_memory():.2f} times as fast, x (64, 16, {SIDE}, {SIDE}), forward and backward")
    print(f"{platform.system()}, one thread, x ({N}, {C_IN}, {SIDE}, {SIDE}), weight ({C_OUT}, {C_IN}, {K}, {K})")
    if ratios["helpers.ops.conv2d"] > MOST:
        raise SystemExit(
            f"helpers.ops.conv2d takes {ratios['helpers.ops.conv2d']:.1f} times F.conv2d, more than {MOST}."
        )


if __name__ == "__main__":
    main()
