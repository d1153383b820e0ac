"""The questions of notebook 10."""

from ..widgets import Prediction


def who_moves() -> Prediction:
    """Ask what is on the GPU after a module and a tensor were told to move."""
    return Prediction(
        "`model` and `x` are on the CPU. You run two lines: `model.to('cuda')` and `x.to('cuda')`. What is on the GPU "
        "now, under these two names?",
        choices=[
            ("Both", "Then `model(x)` would run. It stops with an error: one of the two is still on the CPU."),
            ("The model alone", "A module moves its own parameters. A tensor gives back a copy, which nobody kept."),
            ("The tensor alone", "It is the other way round: a tensor cannot change where its numbers lie."),
            ("Neither", "That would be so for two tensors. A module exchanges the numbers of its own parameters."),
        ],
        answer=1,
        explanation="`model.to(device)` is enough. For a tensor write `x = x.to(device)`.",
    )


def two_halves() -> Prediction:
    """Ask for the mean of gradients of two processes."""
    return Prediction(
        "Two processes have the same weights. Each sees its half of a batch and computes the gradient of its mean "
        "loss. What must they do with the two gradients to get the one that a single process has for the whole batch?",
        choices=[
            ("Add them", "Each is a mean already. Their sum is twice too large: as if the learning rate had doubled."),
            ("Take the mean", "The mean of the means of two halves of the same size is the mean of the whole."),
            ("Keep the larger one", "Then the pictures of the other half would have taught nothing."),
        ],
        answer=1,
        explanation="DistributedDataParallel does it during `backward()`. Then each process takes the same step, and "
        "the weights stay the same everywhere.",
    )
