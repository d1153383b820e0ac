"""Two processes on this machine: their gradients are those of one process, and their weights stay together."""

import subprocess
import sys

import pytest
import torch

from helpers import distributed


@pytest.mark.slow  # notebook 10 starts two processes too
def test_two_processes_have_the_gradients_of_one() -> None:
    told = distributed.start(2, epochs=1, seed=1)
    assert (told["backend"], told["processes"], told["images for each process"]) == ("gloo", 2, 719)
    assert told["gradients, largest"] > 0.01
    assert told["gradients, largest difference from one process"] < 1e-6
    assert told["gradients, difference without the others"] > 1e-3
    assert told["weights, largest difference between processes"] == 0
    assert told["test accuracy"] > 0.3


@pytest.mark.skipif(torch.cuda.is_available(), reason="it has a GPU")
def test_a_gpu_that_is_not_there_is_told() -> None:
    with pytest.raises(RuntimeError, match="device 'cuda' is not here"):
        distributed.start(1, device="cuda")


def test_started_without_torchrun() -> None:
    ended = subprocess.run([sys.executable, "-m", "helpers.distributed"], capture_output=True, text=True)
    assert ended.returncode == 2
    assert "start it by `python -m torch.distributed.run" in ended.stderr
