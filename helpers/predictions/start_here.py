"""The question of notebook 00."""

from ..widgets import Prediction


def one_on_the_right() -> Prediction:
    """Ask what a kernel with a single 1, in the middle of its right column, does to a picture."""
    return Prediction(
        "A kernel has a 1 in the middle of its right column, and zeros elsewhere. What does it do to the picture?",
        choices=[
            ("Nothing", "Nothing changes when the 1 stands in the very middle."),
            ("It moves the picture to the left", "Each pixel takes the value of its right neighbour."),
            (
                "It moves the picture to the right",
                "The 1 stands on the right, so each pixel takes the value of its right neighbour. "
                "What was on the right is now further left.",
            ),
            ("It makes the picture darker", "The weights add up to 1, so the brightness stays as it is."),
        ],
        answer=1,
        explanation="A weight on the right reads what is on the right, and brings it to the middle.",
    )
