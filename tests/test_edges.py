"""The exercises of notebook 06: what the proof over all exercises does not ask of them."""

import pytest
import torch
from torch.nn import functional as F

from helpers.exercises import edges


@pytest.mark.parametrize(
    ("exercise", "kernel", "passes"),
    [
        (edges.vertical_edges, [[-1e-9, 0, 1e-9]] * 3, True),
        (edges.vertical_edges, [[-1e6, 0, 1e6]] * 3, True),
        (edges.vertical_edges, [[-1, 1, 0], [0, -1, 1], [-3, 0, 3]], True),
        (edges.vertical_edges, [[-2, 0, 2], [1, 0, -1], [0, 0, 0]], True),
        (edges.vertical_edges, [[0, 1, 0], [0, 0, 0], [0, -1, 0]], False),
        (edges.vertical_edges, [[-1, 0, 1], [2, 0, -2], [-1, 0, 1]], False),
        (edges.vertical_edges, [[-1, 0, 1.01]] * 3, False),
        (edges.vertical_edges, [[1, -2, 1]] * 3, False),
        (edges.diagonal, [[0, 0, 0], [-1, 0, 0], [0, 1, 0]], True),
        (edges.diagonal, [[-3, -1, 0], [-1, 1, 1], [0, 1, 2]], True),
        (edges.diagonal, [[-1, -1, -1], [0, 0, 0], [1, 1, 1]], False),
        (edges.diagonal, [[0, 1, 2], [-1, 0, 1], [-2, -1, 0]], False),
    ],
)
def test_an_edge_detector_is_judged_by_what_it_does(exercise, kernel, passes):
    assert exercise.judge(lambda: torch.tensor(kernel)).status == ("passed" if passes else "wrong")


def test_kernels_drawn_by_chance_pass_exactly_when_the_sums_say_so():
    """Silent on flat areas and between rows: each row sums to 0. Positive to the right: no partial sum is negative."""
    generator = torch.Generator().manual_seed(0)
    passed = 0
    for _ in range(150):
        kernel = torch.randint(-1, 2, (3, 3), generator=generator)
        kernel[:, 0] = -kernel[:, 1:].sum(1)
        tail, last = kernel[:, 1:].sum(), kernel[:, 2].sum()
        right = bool(tail >= 0 and last >= 0 and tail + last > 0)
        assert (edges.vertical_edges._verdict(lambda kernel=kernel: kernel).status == "passed") == right, kernel
        passed += right
    assert 20 < passed < 130


def with_optimizer(make, loss=F.mse_loss, steps=200, forget=True):
    def learn(x, target):
        layer = torch.nn.Conv2d(1, 1, 3, bias=False)
        torch.nn.init.zeros_(layer.weight)
        optimizer = make(layer.parameters())
        for _ in range(steps):
            if forget:
                optimizer.zero_grad()
            loss(layer(x), target).backward()
            optimizer.step()
        return layer.weight.detach()[0, 0]

    return learn


def sgd(parameters):
    return torch.optim.SGD(parameters, lr=0.1)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (with_optimizer(sgd), "Right in all"),
        (with_optimizer(lambda p: torch.optim.Adam(p, lr=0.05), steps=400), "Right in all"),
        (with_optimizer(sgd, forget=False), "The gradients are never set back to zero"),
        (with_optimizer(lambda p: torch.optim.SGD(p, lr=0.1, maximize=True)), "Your steps go the wrong way"),
        (with_optimizer(sgd, lambda out, target: (out - target).square().sum()), "The weights became nan"),
        (with_optimizer(sgd, steps=1), "You took a single step"),
        (with_optimizer(sgd, steps=0), "Your kernel is still all zeros"),
        (with_optimizer(sgd, steps=20), "In the case"),
        (lambda x, target: torch.tensor([[-1.0, 0.0, 1.0]] * 3), "In the case"),
    ],
)
def test_a_kernel_learned_with_an_optimizer_is_judged_alike(answer, message):
    torch.optim.SGD([torch.zeros(1, requires_grad=True)])  # making the first one loads much of torch: not in the check
    assert edges.learn_kernel.judge(answer).message.startswith(message)
