"""The questions of notebook 01."""

from ..widgets import Prediction


def ten_layers() -> Prediction:
    """Ask what ten linear layers in a row can do that one cannot."""
    return Prediction(
        "You put ten linear layers one after the other, with nothing between them. What can they compute that one "
        "linear layer cannot?",
        choices=[
            ("Curves, if they are wide enough", "Width does not bend a line: each layer is a matrix and a bias."),
            ("Ten times as much", "They have more numbers to learn. But what they compute is another matter."),
            ("Nothing", "A matrix times a matrix is a matrix. So ten layers are one, only slower."),
            (
                "Nothing before training, but anything after it",
                "Training changes the numbers in the matrices. Their product stays one matrix.",
            ),
        ],
        answer=2,
        explanation="W₂(W₁x + b₁) + b₂ is (W₂W₁)x + (W₂b₁ + b₂): one weight, one bias. This notebook computes them.",
    )


def weight_decay() -> Prediction:
    """Ask which parameter of y = 10 x + 5 weight decay bends."""
    return Prediction(
        "The points lie around y = 10·x + 5, with x from 0 to 100. Weight decay pulls each parameter towards 0, the "
        "larger one with more force. Which parameter will end further from its true value?",
        choices=[
            ("The slope, 10", "It is pulled twice as hard. But with x up to 100 the loss holds it much tighter."),
            (
                "The bias, 5",
                "The loss hardly resists: when the bias gets smaller, a slope a little larger makes up for it.",
            ),
            ("Both alike", "Both are pulled, but the loss does not hold both equally tight."),
        ],
        answer=1,
        explanation="What counts is how tight the loss holds a parameter, not how hard it is pulled.",
    )


def broadcast() -> Prediction:
    """Ask for the shape of a column minus a row."""
    return Prediction(
        "`prediction` has the shape (17, 1) and `y` has (17,). What is `(prediction - y).shape`?",
        choices=[
            (
                "(17,)",
                "That was meant. But torch lines shapes up from the right: 1 stands over 17, and 17 over nothing.",
            ),
            ("(17, 1)", "From the right, 1 meets 17, and a 1 is stretched to fit."),
            ("(17, 17)", "Both are stretched: each prediction meets each target."),
            ("None: it is an error", "An error would be kind. A 1 can be stretched to any length, so torch does that."),
        ],
        answer=2,
        explanation="289 differences where 17 were meant, and no error.",
    )
