"""The questions of notebook 03."""

from ..widgets import Prediction


def one_layer() -> Prediction:
    """Ask for the number of parameters of one linear layer."""
    return Prediction(
        "`nn.Linear(3072, 1024)` reads a colour picture of 32 × 32 pixels. How many numbers does it learn?",
        number=3_146_752,
        unit="numbers",
        wrong={
            3_145_728: "Those are the weights alone, 3,072 × 1,024. Each of the 1,024 outputs also has a bias.",
            3_148_800: "That is a bias for each input. A bias belongs to an output: there are 1,024 of them.",
            1_048_576: "That is 1,024 × 1,024: one channel. A colour picture has three, 3 × 32 × 32 = 3,072 numbers.",
            1_049_600: "That is one channel, biases included. A colour picture has three: 3 × 32 × 32 = 3,072 numbers.",
            4_096: "That is inputs and outputs added. Each input has a weight for each output: multiply.",
        },
        explanation="3,072 × 1,024 = 3,145,728 weights, one from each input to each output, and 1,024 biases. And this "
        "is the first layer only.",
    )


def shuffled() -> Prediction:
    """Ask what one fixed shuffle of all pixels does to a fully-connected net."""
    return Prediction(
        "All pictures, for training and for validation, get their pixels shuffled in the same way. A new "
        "fully-connected net learns from them. How well does it do on the shuffled validation pictures?",
        choices=[
            (
                "Like guessing",
                "You could not tell a bird there. But the net never saw a picture, only 3,072 numbers in some order.",
            ),
            ("Worse, but better than guessing", "That happens to a net that counts on near pixels. This one does not."),
            ("As well as before", "Its inputs have no order to it: each has its own weights, wherever it stands."),
        ],
        answer=2,
        explanation="A fully-connected layer multiplies each input by weights of its own and adds up. In another order "
        "the sum is the same.",
    )


def slashes() -> Prediction:
    """Ask how a fully-connected net does on strokes at places where it has seen none."""
    return Prediction(
        "A fully-connected net learns all training strokes, 100 % right. Each test stroke is a training stroke "
        "moved by one pixel. How many test strokes does it tell right?",
        choices=[
            ("All of them", "It would have to know that a stroke stays a stroke when it moves. Nothing told it."),
            ("Most of them", "One pixel looks close to you. To the net, these are inputs that were always 0."),
            ("About half, like guessing", "The test strokes lie on pixels whose weights have never learned anything."),
        ],
        answer=2,
        explanation="What it learned about one pixel stays with that pixel's weights. The pixels of the test strokes "
        "were 0 in all of the training.",
    )
