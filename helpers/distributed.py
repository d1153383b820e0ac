"""The same training loop in several processes, one for each GPU, with DistributedDataParallel.

    python -m torch.distributed.run --nproc-per-node 2 -m helpers.distributed            two processes, two CPU threads
    python -m torch.distributed.run --nproc-per-node 4 -m helpers.distributed --device cuda      four GPUs, by NCCL

`torchrun` is another name for `python -m torch.distributed.run`. The first process prints what came of it, as JSON.
"""

import argparse
import json
import os
import socket
import subprocess
import sys

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

from .data import load
from .train import accuracy, pick_device, seed_everything, train_step

BATCH = 64  # images of a step, over all processes


def network() -> nn.Module:
    """Return a small CNN for digits; the same seed gives each process the same weights."""
    return nn.Sequential(
        *(nn.Conv2d(1, 10, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(10, 20, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(320, 10)),
    )


def gradients(model: nn.Module, images: Tensor, labels: Tensor) -> list[Tensor]:
    """Return the gradients of the mean loss of a batch."""
    model.zero_grad()
    F.cross_entropy(model(images), labels).backward()
    return [value.grad.clone() for value in model.parameters()]


def run(device: str, epochs: int, seed: int) -> dict:
    """Train in this process, one of several, and return what there is to report."""
    rank, world = dist.get_rank(), dist.get_world_size()
    place = torch.device(device, int(os.environ["LOCAL_RANK"])) if device == "cuda" else torch.device(device)
    images, labels = load("digits", "train")
    seed_everything(seed)
    alone = network().to(place)
    seed_everything(seed)
    shared = DistributedDataParallel(network().to(place), device_ids=[place.index] if device == "cuda" else None)

    # Each process sees its part of one batch. DistributedDataParallel takes the mean of the parts' gradients.
    x, y = images[:BATCH].to(place), labels[:BATCH].to(place)
    size = BATCH // world
    part = slice(rank * size, (rank + 1) * size)
    together, by_one = gradients(shared, x[part], y[part]), gradients(alone, x[: size * world], y[: size * world])
    own = gradients(alone, x[part], y[part])  # what this process would have without the others

    # The loop: a sampler deals the images out to the processes; the rest is as ever.
    sampler = DistributedSampler(TensorDataset(images, labels), seed=seed)
    loader = DataLoader(TensorDataset(images, labels), size, sampler=sampler)
    optimizer = torch.optim.SGD(shared.parameters(), lr=0.05, momentum=0.9)
    for epoch in range(epochs):
        sampler.set_epoch(epoch)  # another order in each epoch, the same in each process
        for x, y in loader:
            train_step(shared, optimizer, x.to(place), y.to(place))

    weights = torch.cat([value.detach().flatten() for value in shared.parameters()])
    first = weights.clone()
    dist.broadcast(first, src=0)
    apart = (weights - first).abs().max()
    dist.all_reduce(apart, dist.ReduceOp.MAX)
    return {
        "backend": dist.get_backend(),
        "processes": world,
        "images for each process": len(sampler),
        "gradients, largest": max(g.abs().max().item() for g in by_one),
        "gradients, largest difference from one process": _apart(together, by_one),
        "gradients, difference without the others": _apart(own, by_one),
        "weights, largest difference between processes": apart.item(),
        "test accuracy": accuracy(shared.module, *load("digits", "test")),
    }


def start(processes: int = 2, device: str = "cpu", epochs: int = 3, seed: int = 0) -> dict:
    """Start this script in several processes of this machine, which talk over its loopback address, and wait for them.

    Raises:
        RuntimeError: a process failed; the message is the first line written that names an error, or else the first.
        subprocess.TimeoutExpired: they took more than five minutes.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    where = ["--nproc-per-node", str(processes), "--master-addr", "127.0.0.1", "--master-port", str(port)]
    script = ["-m", "helpers.distributed", "--device", device, "--epochs", str(epochs), "--seed", str(seed)]
    loopback = {"darwin": "lo0", "linux": "lo"}.get(sys.platform)
    names = {"GLOO_SOCKET_IFNAME": loopback, "NCCL_SOCKET_IFNAME": loopback} if loopback else {}
    command = [sys.executable, "-m", "torch.distributed.run", *where, *script]
    settings = os.environ | {"OMP_NUM_THREADS": "1"} | names
    ended = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=300)
    if ended.returncode:
        said = [line for line in ended.stderr.splitlines() if "error:" in line.lower()] or ended.stderr.splitlines()
        raise RuntimeError(said[0] if said else f"the processes ended with {ended.returncode}")
    return json.loads(ended.stdout.splitlines()[-1])


def _apart(some: list[Tensor], others: list[Tensor]) -> float:
    return max((a - b).abs().max().item() for a, b in zip(some, others, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description="Train on digits in several processes; start it by torchrun.")
    parser.add_argument("--device", default="cpu", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if "RANK" not in os.environ:
        parser.error("start it by `python -m torch.distributed.run --nproc-per-node 2 -m helpers.distributed`")
    try:
        device = pick_device(args.device).type
    except ValueError as error:
        parser.error(str(error))
    gpus, here = torch.cuda.device_count(), int(os.environ["LOCAL_WORLD_SIZE"])
    if device == "cuda" and here > gpus:
        parser.error(f"{here} processes need {here} GPUs, torch finds {gpus}: start fewer, or use --device cpu")
    if device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    else:
        torch.set_num_threads(1)
    dist.init_process_group("nccl" if device == "cuda" else "gloo")
    try:
        report = run(device, args.epochs, args.seed)
        if dist.get_rank() == 0:
            print(json.dumps(report))
    finally:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
