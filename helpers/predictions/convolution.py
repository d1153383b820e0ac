"""The questions of notebook 04."""

from ..widgets import Prediction


def parameters() -> Prediction:
    """Ask for the number of parameters of a convolutional layer."""
    return Prediction(
        "`nn.Conv2d(3, 16, 3)` reads a colour image of 32 × 32 pixels. How many numbers does it learn?",
        choices=[
            (
                "160",
                "That is 16 kernels of 3 × 3, and 16 biases. But the image has 3 channels: so has each kernel.",
            ),
            ("432", "That is 16 × 3 × 3 × 3: all the weights. Each of the 16 output channels also has a bias."),
            ("448", "16 kernels of 3 × 3 × 3 weights, and 16 biases."),
            (
                "about 44 million",
                "That is a weight from each of 3,072 inputs to each of 14,400 outputs, a linear layer.",
            ),
        ],
        answer=2,
        explanation="432 weights and 16 biases make 448. The size of the image is not in this sum: "
        "the same 448 numbers read an image of any size.",
    )


def shift_first() -> Prediction:
    """Ask whether it matters if a picture is moved before or after it is convolved."""
    return Prediction(
        "You move a picture one pixel to the right; what leaves on the right comes in again on the left. Then you "
        "convolve it. Or you convolve it first, and move the result. How do the two results differ?",
        choices=[
            ("Not at all, anywhere", "Away from the rim that is so. At the rim, pixels from the other side come in."),
            ("Only at the rim", "Inside they are equal. At the rim, pixels from the other side make a difference."),
            ("Everywhere", "That would be so if each place had weights of its own. Here all places use the same ones."),
        ],
        answer=1,
        explanation="A convolution does the same everywhere, so it does not matter when you shift. "
        "Only the rim is an exception.",
    )
