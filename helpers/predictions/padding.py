"""The questions of notebook 05."""

from ..widgets import Prediction


def output_width() -> Prediction:
    """Ask for the width of an output whose division does not come out even."""
    return Prediction(
        "A picture is 30 pixels wide. It goes through `nn.Conv2d(1, 1, 5, stride=2, padding=1)`. "
        "How many pixels wide is the output?",
        number=14,
        unit="pixels",
        wrong={
            7: "That divides by 2 · stride. From one window to the next there is one stride.",
            13: "That forgets the first window, which needs no step, or the padding.",
            14.5: "Half a window is no window: torch rounds down.",
            15: "That rounds up. A window that does not fit completely is dropped.",
            16: "That is half of the padded 32. But a kernel of 5 does not fit at the last places.",
            28: "That is the width with stride 1. Only every second place is a window here.",
        },
        explanation="The padded picture has 32 pixels, and a window of 5 can move on by 27. "
        "13 whole strides of 2 fit into 27, and with the first window that makes 14.",
    )


def unread() -> Prediction:
    """Ask how much of a picture a 1 × 1 convolution with stride 2 reads."""
    return Prediction(
        "`nn.Conv2d(64, 128, 1, stride=2)` stands in many residual networks. Its kernel is 1 × 1, its stride 2. "
        "How much of the picture does it read?",
        choices=[
            ("All of it", "So it would be if the windows touched. A window of 1 pixel that moves by 2 leaves gaps."),
            ("One half", "It reads every second row, and in those rows every second column: a half of a half."),
            ("One quarter", "Every second row, and in it every second column."),
        ],
        answer=2,
        explanation="Three quarters of the pixels are read by no window. Whatever they are, the output stays the same.",
    )


def two_dilated() -> Prediction:
    """Ask how many pixels two dilated layers read."""
    return Prediction(
        "Two 3 × 3 convolutions with dilation 2 follow one another. An output pixel then looks out over a field of "
        "9 × 9 pixels. How many of these 81 does it really read?",
        number=25,
        unit="pixels",
        wrong={
            81: "So it would be without holes. Both kernels have holes, and they lie in the same places.",
            18: "You add 9 and 9. But each of the 9 pixels that the second layer reads has itself read 9.",
            9: "9 pixels of the first layer's output are read, and each of them reads 9 of the picture.",
            41: "Half would be a checkerboard. Here every second row is read, and in it every second column.",
            49: "That is three such layers: 7 × 7.",
        },
        explanation="Along each axis the taps reach −4, −2, 0, 2 and 4: five places. 5 × 5 is 25. "
        "The pixels between are read by no tap.",
    )
