"""The questions of notebook 07."""

from ..widgets import Prediction


def field() -> Prediction:
    """Ask how far a pixel sees behind a convolution, a pooling and another convolution."""
    return Prediction(
        "A 3 × 3 convolution, then 2 × 2 max pooling with stride 2, then another 3 × 3 convolution. One pixel of the "
        "last map depends on a square of the input. How many pixels long is its side?",
        number=8,
        unit="pixels",
        wrong={
            3: "That is what the last kernel sees of the map before it. But each of those pixels has seen more.",
            5: "Two convolutions of 3 see 5 without the pooling. But the pooling puts the pixels of its map two apart.",
            6: "You counted the pooling, but gave the second convolution steps of one pixel. After it, a step is two.",
            7: "3 pooled pixels cover 6 pixels of the first map, not 5; each of those sees one more on each side.",
            9: "A field of 9 = 3 × 3 would need windows that do not overlap.",
            18: "3 × 2 × 3: sizes of overlapping windows are not multiplied.",
        },
        explanation="3 pixels of the last kernel cover 3 × 2 = 6 pixels of the first map. Each of these sees 3: "
        "6 + 2 = 8.",
    )


def gradient() -> Prediction:
    """Ask where the gradient of max pooling goes."""
    return Prediction(
        "A window holds 1, 5, 5, 0 (row by row), and max pooling gives 5. The loss sends back a gradient of 2. "
        "What do the four pixels get?",
        choices=[
            ("0.5 each", "That is average pooling, where each pixel has its share in the output."),
            ("0, 1, 1, 0", "The two winners are equal, but torch does not share: it keeps one index per window."),
            ("0, 2, 0, 0", "The first of the equal pixels is the winner, and it gets all of it."),
            ("0, 2, 2, 0", "Then the two would get 4 together, more than what was sent back."),
        ],
        answer=2,
        explanation="Max pooling remembers one winner per window: the first of equal ones, row by row. Only that pixel "
        "learns.",
    )


def shifted() -> Prediction:
    """Ask what a shift by one pixel does to a max-pooled picture."""
    return Prediction(
        "You move a picture by one pixel and pool it again with 2 × 2 max pooling, stride 2. What happens to the "
        "pooled picture?",
        choices=[
            (
                "Nothing: pooling is invariant to small shifts",
                "Each window now holds two pixels it did not hold before.",
            ),
            ("It moves by one pixel", "One pixel of the pooled picture is two of the input."),
            ("It moves by half a pixel", "There is no half pixel: the windows stand still, so other pixels compete."),
            ("Most of its numbers change", "The windows stand still, and other pixels compete in them."),
        ],
        answer=3,
        explanation="The windows stand still while the picture moves. Only a whole stride moves whole windows.",
    )
