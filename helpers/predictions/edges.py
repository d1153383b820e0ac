"""The questions of notebook 06."""

from ..widgets import Prediction


def sum_kernel() -> Prediction:
    """Ask what a kernel of nine ones does to a picture."""
    return Prediction(
        "A 3 × 3 kernel has the weight 1 in all nine places. What does it make of a photograph?",
        choices=[
            (
                "A blurred picture, as bright as before",
                "It blurs. But nine pixels are added, and nothing divides by 9.",
            ),
            (
                "A blurred picture, nine times brighter",
                "Each pixel becomes the sum of nine: on average nine times as much.",
            ),
            ("The same picture", "That takes a single 1 in the middle, and zeros around it."),
            ("A picture of edges", "An edge needs a comparison: weights of both signs. Here all are positive."),
        ],
        answer=1,
        explanation="The sum of the weights says what becomes of the brightness: here it is 9. Divided by 9, the "
        "kernel takes the mean, and the brightness stays.",
    )


def flat_sky() -> Prediction:
    """Ask for an edge kernel's answer on a flat area."""
    return Prediction(
        "A kernel has the columns −1, 0, 1. It lies on a sky in which every pixel is 0.8. What number comes out?",
        number=0,
        wrong={
            0.8: "That would be so if the weights added up to 1. Here they add up to 0.",
            2.4: "That is the right column alone. The left one takes the same away.",
            -2.4: "That is the left column alone. The right one adds the same.",
            7.2: "That is the sum of the pixels. Half of the outer ones count as negative.",
        },
        explanation="Three pixels are added, three equal ones are taken away: 0, whatever the brightness.",
    )


def first_layer() -> Prediction:
    """Ask which of three first layers makes the best small network after a short training."""
    return Prediction(
        "Three small networks learn to tell birds from airplanes, for a few epochs. The first has eight edge and "
        "pattern kernels, set by hand and frozen. The second has eight random kernels, frozen. The third learns its "
        "kernels. Which one is right most often on new pictures?",
        choices=[
            (
                "The one made by hand",
                "Its kernels see edges from the first step on; only what follows has to be learned.",
            ),
            ("The one with random kernels", "Random kernels see something too, but few of them are clean comparisons."),
            (
                "The one that learns them",
                "It can become as good as any, but it starts from random kernels, and a few epochs move them little.",
            ),
        ],
        answer=0,
        explanation="This holds for this network, this little data and this short a training. Given more of both, "
        "learning the kernels is what people do.",
    )
