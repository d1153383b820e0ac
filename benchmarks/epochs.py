"""One epoch of the small fully-connected net: `helpers.train.fit` beside the usual loop over a per-image dataset.

The usual loop asks a dataset for each picture alone, as `torchvision.datasets` do: 8-bit pixels become a PIL picture, a
float tensor and a normalised one, and a DataLoader stacks 64 of them. `fit` has the same pictures as tensors in memory.
Both take the same steps on the same net. `python -m benchmarks.epochs` prints the times and their ratio: processor
time of one thread, so that what else the machine does hardly counts.
"""

import argparse
import platform
import time

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import Compose, Normalize, ToTensor

from helpers.data import load
from helpers.train import fit

ROUNDS, MOST = 7, 0.8


class PerImage(Dataset):
    """Pictures (N, H, W, 3), uint8, transformed one by one at each request."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.pixels = (images * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
        self.labels = labels.tolist()
        self.transform = Compose([ToTensor(), Normalize((0.5,) * 3, (0.25,) * 3)])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.pixels[index])), self.labels[index]


def small_net() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, 512), nn.Tanh(), nn.Linear(512, 2))


def usual_epoch(net: nn.Module, loader: DataLoader) -> None:
    steps = torch.optim.SGD(net.parameters(), lr=0.01)
    net.train()
    loss_sum = right = 0.0
    for x, y in loader:
        logits = net(x)
        loss = F.cross_entropy(logits, y)
        steps.zero_grad()
        loss.backward()
        steps.step()
        loss_sum += loss.item() * len(y)
        right += (logits.argmax(1) == y).sum().item()


def measure() -> tuple[list[float], list[float]]:
    """Return the processor seconds of `ROUNDS` epochs each, taken in turn after one to warm up: (fit, usual)."""
    torch.set_num_threads(1)
    images, labels = load("birds-airplanes")
    scaled = (4 * images - 2, labels)
    loader = DataLoader(PerImage(images, labels), batch_size=64, shuffle=True)
    torch.manual_seed(0)
    net = small_net()
    ways = (lambda: fit(net, scaled, epochs=1, lr=0.01, device="cpu"), lambda: usual_epoch(net, loader))
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS + 1):
        for way, taken in zip(ways, times, strict=True):
            start = time.process_time()
            way()
            taken.append(time.process_time() - start)
    return times[0][1:], times[1][1:]


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    in_memory, usual = measure()
    ratio = min(in_memory) / min(usual)  # the fastest: all else can only add to a time
    print(f"one epoch, tensors in memory: {1000 * min(in_memory):.0f} ms (fastest of {ROUNDS})")
    print(f"one epoch, usual loop:        {1000 * min(usual):.0f} ms")
    print(f"ratio: {ratio:.2f}, at most {MOST} wanted")
    print(f"{platform.system()}, one thread, 2,000 pictures, batches of 64")
    if ratio > MOST:
        raise SystemExit(f"fit takes {ratio:.2f} of the usual loop's time, more than {MOST}.")


if __name__ == "__main__":
    main()
