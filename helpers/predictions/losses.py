"""The questions of notebook 02."""

from ..widgets import Prediction


def panda() -> Prediction:
    """Ask what cross-entropy costs when the right class got the probability 0.1."""
    return Prediction(
        "A network sees a panda. It gives the panda a probability of 0.1. What does the usual loss for classes, "
        "cross-entropy, charge for that?",
        choices=[
            ("0.1", "That is the probability itself. A loss should fall as the probability of the right class rises."),
            ("0.9", "That is how far the probability is from 1. It never exceeds 1, however sure the network errs."),
            ("1", "That is −log₁₀ 0.1. Losses use the natural logarithm, which undoes `exp`."),
            ("about 2.3", "Minus the natural logarithm of 0.1."),
        ],
        answer=3,
        explanation="−log 0.1 = 2.3026. At a probability of 0.01 it would be 4.6: each time ten times less likely, "
        "and 2.3 more to pay.",
    )


def softmax_first() -> Prediction:
    """Ask what a softmax layer before CrossEntropyLoss does to training."""
    return Prediction(
        "Somebody ends a network with `nn.Softmax(1)` and trains it with `nn.CrossEntropyLoss`. "
        "The same seeds, the same learning rate, ten epochs. What happens?",
        choices=[
            (
                "An error: probabilities are not logits",
                "Both are (N, C) floats. Nothing in them says which they are, so there is no error.",
            ),
            ("Nothing: the order of the scores stays as it is", "The order does stay. The gradients do not."),
            (
                "It trains, but much more slowly",
                "The loss takes a second softmax. Scores between 0 and 1 are so close together that its gradients are "
                "small.",
            ),
            (
                "It trains better, since the loss wants probabilities",
                "The loss wants logits: it takes the softmax itself.",
            ),
        ],
        answer=2,
        explanation="No error tells you. The loss falls slowly, and it can never come near 0.",
    )


def second_backward() -> Prediction:
    """Ask what retain_graph=True does to the gradient when backward is called twice."""
    return Prediction(
        "`loss.backward()` is called twice and stops with an error. The message says `retain_graph=True`. "
        "You add it to the first call, and the error is gone. What is in `w.grad` now?",
        choices=[
            ("The gradient", "Each call adds its gradient to what is there already. There were two calls."),
            ("Twice the gradient", "The first call put the gradient there, and the second added it once more."),
            ("The second derivative", "That needs `create_graph=True`, and a derivative of the gradient."),
            ("Nothing: the second call clears it", "`backward()` never clears anything: `zero_grad()` does."),
        ],
        answer=1,
        explanation="The message tells how to allow a second call. It cannot know that you never wanted one.",
    )


def winner() -> Prediction:
    """Ask which optimizer is lowest in the race as it opens."""
    return Prediction(
        "Six optimizers start at the same place of a narrow, tilted valley, all with lr = 0.05, momentum with 0.9. "
        "Which of them has the lowest loss after 80 steps?",
        choices=[
            ("Adam", "Its steps are about lr long at first, whatever the slope is: 0.05 is a short step on this map."),
            ("Momentum", "It swings across the valley, and all the same it is the fastest along it."),
            ("SGD", "It comes second here, without any swing. Along the flat floor its steps are short."),
            ("Adagrad", "It divides by the sum of all squares so far: its steps only get shorter."),
            ("RMSprop", "It sizes its steps axis by axis, and this valley lies across the axes. It comes third."),
            ("LBFGS", "It learns the valley's shape, but lr = 0.05 cuts each of its steps to a twentieth. Try lr 1."),
        ],
        answer=1,
        explanation="This is about one valley and one lr. With lr 0.2, SGD and Momentum leave the map, and LBFGS wins "
        "of the six.",
    )
