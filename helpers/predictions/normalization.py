"""The questions of notebook 09."""

from ..widgets import Prediction


def means() -> Prediction:
    """Ask how many means a batch norm computes."""
    return Prediction(
        "A batch of 8 images with 3 channels, 32 × 32 pixels each, goes through `nn.BatchNorm2d(3)` in training. How "
        "many means does it compute?",
        number=3,
        unit="means",
        wrong={
            1: "One mean for all would mix red with green and blue. Batch norm keeps the channels apart.",
            8: "One for each image: that is layer norm. Batch norm averages over the images too.",
            24: "One for each channel of each image, 8 · 3: that is instance norm.",
            1024: "One for each place: but the places of a map are averaged as well.",
            3072: "That is how many numbers an image has, 3 · 32 · 32. Those of one channel share a mean.",
            8192: "That is how many numbers share one mean, 8 · 32 · 32. How many such sets are there?",
        },
        explanation="One for each channel, over all images and all places: 8 · 32 · 32 = 8192 numbers share it.",
    )


def running() -> Prediction:
    """Ask what running_mean is after one batch."""
    return Prediction(
        "A new `nn.BatchNorm2d(1)` has `running_mean` 0 and `momentum` 0.1. It sees one batch whose mean is 5, in "
        "training. What is `running_mean` now?",
        choices=[
            ("5", "That would forget everything before. The running mean takes one step towards the batch."),
            ("0.5", "0.9 · 0 + 0.1 · 5: nine tenths of the old, one tenth of the new."),
            ("4.5", "That is 0.1 · 0 + 0.9 · 5. In torch, momentum is the share of the new batch."),
            ("0", "It changes with every batch in training. In eval mode it would have stayed."),
        ],
        answer=1,
        explanation="new = (1 − momentum) · old + momentum · batch. After 22 batches, 90 % of the way is done.",
    )


def pair() -> Prediction:
    """Ask what batch norm makes of two numbers."""
    return Prediction(
        "A batch of two rows goes through `nn.BatchNorm1d(1)` in training, once with the numbers 3 and 4, once with 3 "
        "and 400. What comes out?",
        choices=[
            ("−1 and 1, both times", "With two numbers the mean lies in the middle, and each is one deviation away."),
            ("The second pair is farther apart", "The deviation that they are divided by has grown as much."),
            ("−0.5 and 0.5, both times", "The deviation of two numbers, the biased one, is half their distance."),
            ("0 and 0, both times", "That happens with one number: it is its own mean. Torch refuses it."),
        ],
        answer=0,
        explanation="Of two numbers, only the order is left: which one is larger. How much larger is gone.",
    )
