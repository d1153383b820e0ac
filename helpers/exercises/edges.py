"""The exercises of notebook 06, edge kernels: from a blur to a kernel that is learned."""

import itertools
import random

import torch
from torch.nn import functional as F

from .cases import draws
from .engine import Refused, exercise


def _step(side, low, high, height, width):
    """Return a picture of two parts: bright where `side(row, column)` is true, both counted from the middle."""
    rows, columns = torch.meshgrid(torch.arange(height) - height // 2, torch.arange(width) - width // 2, indexing="ij")
    return torch.where(side(rows, columns), high, low)


# 1. A blur


def _blur_cases(seed):
    choose = random.Random(seed)
    sizes = [choose.choice((4, 5, 6)), 3, 2, choose.choice((7, 8, 9)), 1]
    return [(f"k = {k}", (k,), {}) for k in sizes]


@exercise(
    title="A blur that keeps the brightness",
    contract="`blur(k)`: `k` is a whole number, 1 or more, even or odd. Return the (k, k) kernel that gives each "
    "output pixel the mean of the k × k pixels under it, a float32 tensor.  \n"
    "Example: on a picture that is 0.4 everywhere, `blur(5)` gives 0.4 everywhere.",
    hints=(
        "A mean is a sum in which every pixel has the same weight. What must the weights add up to?",
        "How many weights has a kernel of k × k? They are all equal, and they add up to 1.",
        "Each weight is 1 / (k × k): `torch.ones(k, k)` divided by `k * k`.",
    ),
    cases=_blur_cases,
)
def blur(k):
    """Return the kernel of a blur that keeps the brightness.

    k: how many pixels high and wide, >= 1.
    Returns (k, k), float32.
    """
    return torch.ones(k, k) / (k * k)


@blur.also_right
def blur_filled(k):
    return torch.full((k, k), 1 / k**2)


@blur.also_right
def blur_from_lines(k):
    line = torch.full((k,), 1 / k)
    return torch.outer(line, line)


@blur.also_right
def blur_by_its_sum(k):
    kernel = torch.ones(k, k)
    return kernel / kernel.sum()


@blur.also_right
def blur_by_loops(k):
    kernel = torch.zeros(k, k)
    for i in range(k):
        for j in range(k):
            kernel[i, j] = 1 / k / k
    return kernel


@blur.also_right
def blur_by_softmax(k):
    return torch.zeros(k * k).softmax(0).view(k, k)


@blur.wrong("This is the sum kernel: it makes a picture k² times brighter. Divide by the number of weights.")
def blur_sum(k):
    return torch.ones(k, k)


@blur.wrong("A share of 1/k is right for one row: a k × k kernel has k² weights, and together they must be 1.")
def blur_one_over_k(k):
    return torch.full((k, k), 1 / k)


@blur.wrong("Your kernel is always 3 × 3: it must have k rows and k columns.")
def blur_always_three(k):
    return torch.full((3, 3), 1 / 9)


@blur.wrong("Each of your weights is 1/9, which is right for k = 3 alone: for another k they do not add up to 1.")
def blur_always_ninths(k):
    return torch.full((k, k), 1 / 9)


@blur.wrong("This keeps the brightness, but it does not blur: only one pixel counts. In a mean they all count alike.")
def blur_one_pixel(k):
    kernel = torch.zeros(k, k)
    kernel[k // 2, k // 2] = 1
    return kernel


@blur.wrong("Your kernel is one row of k weights: it averages sideways only. It needs k rows too.")
def blur_one_row(k):
    return torch.full((1, k), 1 / k)


@blur.wrong("These are whole numbers, and 1/k² is none: `//` cuts the fraction off. Divide with `/`.")
def blur_whole(k):
    return torch.full((k, k), 1.0) // (k * k)


# 2. and 3. Edge detectors: any kernel passes that does to pictures what the contract says


def _kernel_of(answer):
    """Return the 3×3 kernel that an answer gives, as a tensor of finite numbers; dots stay dots."""
    kernel = answer()
    if kernel is ...:
        return kernel
    asked = "Return a 3×3 tensor, or three lists of three numbers each"
    if kernel is None:
        raise Refused(f"{asked}: your function gives back None. Did you forget `return`?")
    try:
        grid = kernel if isinstance(kernel, torch.Tensor) else torch.as_tensor(kernel, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise Refused(f"{asked}: yours is neither.") from None
    if grid.is_complex() or grid.layout != torch.strided or grid.device.type != "cpu":
        raise Refused(f"{asked}: yours is a tensor of another kind.")
    if grid.shape != (3, 3):
        raise Refused(f"{asked}: yours has the shape {tuple(grid.shape)}.")
    if not grid.double().isfinite().all():
        raise Refused("Each weight must be a finite number: yours hold nan or an infinite one.")
    return grid.detach().double()


def _sign(answers, small):
    """Return what a kernel's answers have in common, in one word or two."""
    positive, negative = bool((answers > small).any()), bool((answers < -small).any())
    return {(False, False): "silent", (True, False): "positive", (False, True): "negative"}.get(
        (positive, negative), "of both signs"
    )


def _looks(answer, picture):
    """Slide the answer's kernel over a picture; say what it answers where the picture is flat, and where it is not."""
    kernel = _kernel_of(answer)
    if not isinstance(kernel, torch.Tensor):
        return kernel
    patches = picture.double().unfold(0, 3, 1).unfold(1, 3, 1).flatten(2)
    answers = (patches * kernel.flatten()).sum(2)
    edge = patches.amax(2) > patches.amin(2)
    small = 1e-4 * float(kernel.abs().max() * picture.abs().max())
    seen = {"answer on the flat areas": _sign(answers[~edge], small)}
    return seen | ({"answer at the edge": _sign(answers[edge], small)} if edge.any() else {})


def _steps(seed, kinds):
    """Return pictures of one step each, `kinds` name -> (the side on which a pixel lies), and a flat one.

    The first has a black and a bright side, so that a kernel whose weights do not sum to 0 shows there.
    """
    choose = random.Random(seed)
    cases = []
    for name, side in kinds.items():
        low, high = choose.uniform(0.05, 0.3), choose.uniform(0.6, 1.0)
        if not cases:
            low = 0.0
        height, width = choose.choice(((9, 11), (10, 12), (11, 9)))
        cases.append((name, (_step(side, low, high, height, width),), {}))
    flat = ("a flat picture", (torch.full((8, 7), choose.uniform(0.3, 0.9)),), {})
    rest = [*cases[1:], flat]
    choose.shuffle(rest)
    return [cases[0], *rest]


def _vertical_cases(seed):
    return _steps(
        seed,
        {
            "a picture that gets brighter to the right": lambda r, c: c >= 0,
            "a picture that gets darker to the right": lambda r, c: c < 0,
            "a picture that gets brighter downwards": lambda r, c: r >= 0,
            "a picture that gets darker downwards": lambda r, c: r < 0,
        },
    )


@exercise(
    title="A detector of vertical edges",
    contract="`vertical_edges()`: return a 3×3 kernel, a tensor or three lists of three numbers. Where a picture gets "
    "brighter to the right, its answers are positive and none is negative; where it gets darker to the right, the "
    "other way round. On flat areas and on steps from one row to the next it answers 0.  \n"
    "Any kernel that does this passes: the check looks at what it does to pictures.",
    hints=(
        "The answer compares what is on the right with what is on the left. Which of them counts as negative?",
        "On a flat area each pixel is the same, so the answer is the sum of all weights times it. What must the sum "
        "be? On a step between rows, each row must answer 0 by itself.",
        "Give each row weights that sum to 0, negative on the left and positive on the right: −1, 0, 1.",
    ),
    cases=_vertical_cases,
    use=_looks,
)
def vertical_edges():
    """Return a 3×3 kernel that sees vertical edges: positive where it gets brighter to the right."""
    return torch.tensor([[-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]])


@vertical_edges.also_right
def vertical_sobel():
    return [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]


@vertical_edges.also_right
def vertical_neighbours():
    return torch.tensor([[0, 0, 0], [0, -1, 1], [0, 0, 0]])


@vertical_edges.also_right
def vertical_fractions():
    return torch.outer(torch.tensor([0.2, 0.5, 0.3]), torch.tensor([-0.7, 0.1, 0.6])).numpy()


@vertical_edges.also_right
def vertical_expanded():
    return torch.tensor([-1, 0, 1]).expand(3, 3)


@vertical_edges.also_right
def vertical_in_one_row():
    return ((0, 0, 0), (0, 0, 0), (-1, 0.5, 0.5))


@vertical_edges.wrong(
    "Its sign is turned: it is negative where the picture gets brighter to the right. Exchange left and right column."
)
def vertical_flipped():
    return -vertical_edges.function()


@vertical_edges.wrong(
    "This one sees horizontal edges, from row to row. Transpose it: rows are what must sum to 0 here, each by itself."
)
def vertical_transposed():
    return vertical_edges.function().T


@vertical_edges.wrong(
    "This one sees horizontal edges, and negative where it gets brighter downwards: transpose it, and exchange the "
    "signs."
)
def vertical_transposed_and_flipped():
    return -vertical_edges.function().T


@vertical_edges.wrong("Its weights sum to more than 0: it answers on flat areas too. Take away as much as you add.")
def vertical_sum_above():
    return [[-1, 0, 2], [-1, 0, 2], [-1, 0, 2]]


@vertical_edges.wrong("Its weights sum to less than 0: it answers on flat areas too. Add as much as you take away.")
def vertical_sum_below():
    return [[-2, 0, 1], [-2, 0, 1], [-2, 0, 1]]


@vertical_edges.wrong(
    "It sees a diagonal: it answers on steps between rows too. Each of its rows must sum to 0 by itself."
)
def vertical_diagonal():
    return [[-2, -1, 0], [-1, 0, 1], [0, 1, 2]]


@vertical_edges.wrong(
    "On one side of an edge it is positive and on the other negative, so its sign does not tell which side is brighter."
)
def vertical_line():
    return [[-1, 2, -1], [-1, 2, -1], [-1, 2, -1]]


@vertical_edges.wrong("It answers 0 to every one of these pictures: some weights must differ from left to right.")
def vertical_nothing():
    return torch.zeros(3, 3)


def _diagonal_cases(seed):
    return _steps(
        seed,
        {
            "an edge like / with the lower right brighter": lambda r, c: r + c >= 0,
            "an edge like / with the lower right darker": lambda r, c: r + c < 0,
            "an edge like \\ with the upper right brighter": lambda r, c: c >= r,
            "an edge like \\ with the upper right darker": lambda r, c: c < r,
        },
    )


@exercise(
    title="A detector of diagonal edges",
    contract="`diagonal()`: return a 3×3 kernel, a tensor or three lists of three numbers. Along an edge that runs "
    "like **/**, its answers are positive where the lower right side is brighter and none is negative; where it is "
    "darker, the other way round. On flat areas and along edges that run like **\\\\** it answers 0.  \n"
    "Any kernel that does this passes: the check looks at what it does to pictures.",
    hints=(
        "Turn a vertical edge detector by 45 degrees: which two corners now lie on the two sides of the edge?",
        "The upper left counts as negative, the lower right as positive, and the line / between them counts 0. For the "
        "other edges: the weights on each line that runs like \\ must sum to 0 by themselves.",
        "The simplest has −1 in the upper left corner, 1 in the lower right one, and seven zeros.",
    ),
    cases=_diagonal_cases,
    use=_looks,
)
def diagonal():
    """Return a 3×3 kernel that sees edges like /: positive where the lower right side is brighter."""
    return torch.tensor([[-2.0, -1.0, 0.0], [-1.0, 0.0, 1.0], [0.0, 1.0, 2.0]])


@diagonal.also_right
def diagonal_corners():
    return [[-1, 0, 0], [0, 0, 0], [0, 0, 1]]


@diagonal.also_right
def diagonal_neighbours():
    kernel = torch.zeros(3, 3)
    kernel[1, 1], kernel[2, 2] = -0.25, 0.25
    return kernel


@diagonal.also_right
def diagonal_sum_of_two():
    across = torch.tensor([[-1, 0, 1]] * 3)
    return across + across.T


@diagonal.also_right
def diagonal_by_places():
    return [[i + j - 2 for j in range(3)] for i in range(3)]


@diagonal.also_right
def diagonal_alone():
    return torch.diag(torch.tensor([-0.5, 0.0, 0.5])).double()


@diagonal.wrong("Its sign is turned: it is negative where the lower right side is brighter. Multiply it by −1.")
def diagonal_flipped():
    return -diagonal.function()


@diagonal.wrong("It sees the other diagonal, edges like \\, where the upper right side is brighter: mirror it.")
def diagonal_mirrored():
    return diagonal.function().flip(0)


@diagonal.wrong("It sees the other diagonal, edges like \\, where the lower left side is brighter: mirror it.")
def diagonal_mirrored_sideways():
    return diagonal.function().flip(1)


@diagonal.wrong("Its weights sum to more than 0: it answers on flat areas too. Take away as much as you add.")
def diagonal_sum_above():
    return [[-1, 0, 0], [0, 0, 0], [0, 0, 2]]


@diagonal.wrong("Its weights sum to less than 0: it answers on flat areas too. Add as much as you take away.")
def diagonal_sum_below():
    return [[-2, 0, 0], [0, 0, 0], [0, 0, 1]]


@diagonal.wrong(
    "It answers along both diagonals, as a detector of vertical edges does: turn it, so that it is silent along one."
)
def diagonal_vertical():
    return vertical_edges.function()


@diagonal.wrong(
    "It answers along both diagonals, as a detector of horizontal edges does: turn it, so that it is silent along one."
)
def diagonal_horizontal():
    return vertical_edges.function().T


@diagonal.wrong(
    "On one side of an edge it is positive and on the other negative, as a detector of thin lines is: its sign does "
    "not tell which side is brighter."
)
def diagonal_line():
    return [[-1, -1, 2], [-1, 2, -1], [2, -1, -1]]


# 4. Two kernels are one


def _merge_cases(seed):
    noise, choose = draws(seed), random.Random(seed)
    shapes = [
        ((5, 3), (2, 4)),
        ((3, 3), (3, 3)),
        ((2, 2), (3, 3)),
        ((1, 4), (3, 1)),
        ((1, 1), (2, 3)),
        ((4, 5), (1, 1)),
    ]
    order = [shapes[0], *choose.sample(shapes[1:], 5)]
    return [(f"kernels {a} and {b}", (noise(*a), noise(*b)), {}) for a, b in order]


@exercise(
    title="Two kernels are one",
    contract="`merge(first, second)`: kernels (h1, w1) and (h2, w2). Return the one kernel, (h1 + h2 − 1, w1 + w2 − "
    "1), that does in one pass what `F.conv2d` does with `first` and then with `second`; it keeps the dtype and the "
    "gradient.  \n"
    "Example: two 3×3 kernels become one of 5×5; an identity merged with K is K with zeros around it.",
    hints=(
        "Each weight of the second kernel reads the first kernel's result, moved by some rows and columns.",
        "So the merged kernel is a sum of copies of `first`: the copy for `second[i, j]` is moved down by i and to the "
        "right by j, and multiplied by `second[i, j]`.",
        "Start with `out = first.new_zeros(h1 + h2 - 1, w1 + w2 - 1)`. For each i, j: "
        "`out[i : i + h1, j : j + w1] += second[i, j] * first`.",
    ),
    cases=_merge_cases,
    gradients=True,
)
def merge(first, second):
    """Return the one kernel that does what two kernels do one after the other.

    first: (h1, w1); second: (h2, w2).
    Returns (h1 + h2 - 1, w1 + w2 - 1); it keeps the dtype and the gradient.
    """
    (h1, w1), (h2, w2) = first.shape, second.shape
    out = first.new_zeros(h1 + h2 - 1, w1 + w2 - 1)
    for i in range(h2):
        for j in range(w2):
            out[i : i + h1, j : j + w1] += second[i, j] * first
    return out


@merge.also_right
def merge_by_transposed_convolution(first, second):
    return F.conv_transpose2d(first[None, None], second[None, None])[0, 0]


@merge.also_right
def merge_by_a_flip(first, second):
    (h2, w2) = second.shape
    padded = F.pad(first, (w2 - 1, w2 - 1, h2 - 1, h2 - 1))
    return F.conv2d(padded[None, None], second.flip(0, 1)[None, None])[0, 0]


@merge.also_right
def merge_by_a_single_pixel(first, second):
    height, width = (a + b - 1 for a, b in zip(first.shape, second.shape, strict=True))
    dot = first.new_zeros(1, 1, 2 * height - 1, 2 * width - 1)
    dot[..., height - 1, width - 1] = 1
    return F.conv2d(F.conv2d(dot, first[None, None]), second[None, None])[0, 0].flip(0, 1)


@merge.also_right
def merge_one_number_at_a_time(first, second):
    (h1, w1), (h2, w2) = first.shape, second.shape
    sums = {}
    for i, j, k, m in itertools.product(range(h1), range(w1), range(h2), range(w2)):
        sums[i + k, j + m] = sums.get((i + k, j + m), 0) + first[i, j] * second[k, m]
    return torch.stack([sums[place] for place in sorted(sums)]).view(h1 + h2 - 1, w1 + w2 - 1)


@merge.also_right
def merge_by_frequencies(first, second):
    size = [a + b - 1 for a, b in zip(first.shape, second.shape, strict=True)]
    product = torch.fft.rfft2(first.double(), s=size) * torch.fft.rfft2(second.double(), s=size)
    return torch.fft.irfft2(product, s=size).to(first.dtype)


@merge.also_right
def merge_padded(first, second):
    (h, w) = second.shape
    return sum(
        second[i, j] * F.pad(first, (j, w - 1 - j, i, h - 1 - i)) for i, j in itertools.product(range(h), range(w))
    )


@merge.wrong(
    "You combine the kernels weight by weight, with `+` or `*`: but each weight of one meets each weight of the "
    "other, and the sum of two kernels only adds up two results."
)
def merge_sum(first, second):
    return first + second


@merge.wrong("This is the matrix product: kernels are slid over each other, not multiplied as matrices.")
def merge_matrices(first, second):
    return first @ second


@merge.wrong(
    "Your kernel is as large as the first one: a part is cut off. Two kernels together reach further, h1 + h2 − 1 rows."
)
def merge_same_size(first, second):
    (h1, w1), (h2, w2) = first.shape, second.shape
    top, left = (h2 - 1) // 2, (w2 - 1) // 2
    return merge.function(first, second)[top : top + h1, left : left + w1]


@merge.wrong(
    "You slid `second` over `first` without padding: only the inner part is there. Let them overlap partly too."
)
def merge_valid(first, second):
    return F.conv2d(first[None, None], second.flip(0, 1)[None, None])[0, 0]


@merge.wrong(
    "One kernel is flipped: `F.conv2d` over the padded first kernel needs `second.flip(0, 1)`, because it does not "
    "flip by itself."
)
def merge_flipped(first, second):
    return merge.function(first, second.flip(0, 1))


@merge.wrong("The first kernel is flipped: its copies are moved and multiplied, but not turned around.")
def merge_first_flipped(first, second):
    return merge.function(first.flip(0, 1), second)


@merge.wrong("Both kernels are flipped, so the merged one is turned by 180°: leave them as they are.")
def merge_turned(first, second):
    return merge.function(first, second).flip(0, 1)


@merge.wrong("One copy overwrites the other where they overlap: add with `+=`, do not set with `=`.")
def merge_overwritten(first, second):
    (h1, w1), (h2, w2) = first.shape, second.shape
    out = first.new_zeros(h1 + h2 - 1, w1 + w2 - 1)
    for i in range(h2):
        for j in range(w2):
            out[i : i + h1, j : j + w1] = second[i, j] * first
    return out


# 5. A column and a row


def _separate_cases(seed):
    noise, choose = draws(seed), random.Random(seed)

    def line(size):
        """Return numbers far from 0, of so few digits that a product of two is exact in float32 and in float64."""
        numbers = noise(size)
        return numbers.sign() * ((4 * numbers.abs()).ceil() / 4 + 0.5)

    zero_corner = torch.outer(torch.tensor([0.0, 1.5, -1.0, 2.0]), torch.tensor([0.0, 1.0, -2.0]))
    sobel = torch.outer(torch.tensor([1.0, 2.0, 1.0]), torch.tensor([-1.0, 0.0, 1.0]))
    cases = [
        ("a kernel of three rows and two columns", torch.outer(line(3), line(2))),
        ("Sobel, whose weights sum to 0", sobel * choose.choice((1, -2, 0.25))),
        ("a kernel with zeros in its first row and column", zero_corner * choose.choice((1, 0.5, -1))),
        ("a kernel with zeros in its first column", torch.outer(line(3), torch.tensor([0.0, 1.0, -2.0, 0.5]))),
        ("a single row", noise(1, 4)),
        ("a kernel without a positive weight", torch.outer(torch.tensor([1.0, 2.0, 1.0]), torch.tensor([-1.0, 0.0]))),
        ("a larger kernel", torch.outer(line(5), line(7))),
        ("a Laplacian, which no column and row give", torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])),
        ("a kernel without any pattern", noise(4, 3)),
    ]
    return [(label, (kernel,), {}) for label, kernel in (cases[0], *choose.sample(cases[1:], len(cases) - 1))]


def _put_together(answer, kernel):
    """Return what an answer's column and row give when they are multiplied again."""
    given = kernel.clone()
    split = answer(given)
    if split is ...:
        return split
    if not torch.equal(given, kernel):
        raise Refused("Your code changes its input `kernel`: work on a copy, such as `kernel.clone()`.")
    if split is None:
        return {"split": "None", "outer product": kernel.new_zeros(0)}
    if not isinstance(split, (tuple, list)) or len(split) != 2 or not all(type(p) is torch.Tensor for p in split):
        raise Refused("Return two tensors, `column, row`, or None where there are none: yours is something else.")
    column, row = split
    if any(p.layout != torch.strided or p.device.type != "cpu" for p in split) or {column.dim(), row.dim()} != {1}:
        raise Refused(
            f"The column and the row must have one axis each, (h,) and (w,): yours are {tuple(column.shape)} and "
            f"{tuple(row.shape)}."
        )
    product = torch.outer(column, row)
    if product.dtype == kernel.dtype and product.shape == kernel.shape and torch.allclose(product, kernel, atol=1e-5):
        product = kernel.clone()  # it need not be a product to the last digit
    return {"split": "a column and a row", "outer product": product}


@exercise(
    title="A column times a row",
    contract="`separate(kernel)`: `kernel` is (h, w). Return `column, row`, tensors (h,) and (w,) in the kernel's "
    "dtype, whose outer product `torch.outer(column, row)` is the kernel; **None** where no such two exist.  \n"
    "Example: Sobel is the column 1, 2, 1 times the row −1, 0, 1. Any valid pair passes: 2, 4, 2 and −½, 0, ½ as well.",
    hints=(
        "If the kernel is a column times a row, how do any two of its rows differ?",
        "All rows are multiples of one row. Take one that is not zero as `row`; how often each row holds it is "
        "`column`.",
        "Find the largest weight, at [i, j]: `row = kernel[i]`, `column = kernel[:, j] / kernel[i, j]`. Then compare "
        "`torch.outer(column, row)` with the kernel: where they differ, return None.",
    ),
    cases=_separate_cases,
    use=_put_together,
)
def separate(kernel):
    """Split a kernel into a column and a row whose outer product it is.

    kernel: (h, w).
    Returns column (h,) and row (w,) in the kernel's dtype, or None where no such two exist.
    """
    i, j = divmod(int(kernel.abs().argmax()), kernel.shape[1])
    row = kernel[i].clone()
    column = kernel[:, j] / kernel[i, j]
    return (column, row) if torch.allclose(torch.outer(column, row), kernel, atol=1e-5) else None


@separate.also_right
def separate_by_svd(kernel):
    u, s, v = torch.linalg.svd(kernel)
    if len(s) > 1 and s[1] > 1e-5 * s[0]:
        return None
    return -2 * s[0] * u[:, 0], -v[0] / 2


@separate.also_right
def separate_by_rank(kernel):
    if torch.linalg.matrix_rank(kernel, rtol=1e-4) > 1:
        return None
    row = max(kernel, key=lambda line: line.abs().sum())
    return [(kernel @ row) / (row @ row), row]


@separate.also_right
def separate_by_exact_rank(kernel):
    if torch.linalg.matrix_rank(kernel) > 1:
        return None
    u, s, v = torch.linalg.svd(kernel, full_matrices=False)
    return u[:, 0] * s[0].sqrt(), v[0] * s[0].sqrt()


@separate.also_right
def separate_by_loops(kernel):
    rows, (h, w) = kernel.tolist(), kernel.shape
    i, j = max(((i, j) for i in range(h) for j in range(w)), key=lambda at: abs(rows[at[0]][at[1]]))
    column = [line[j] / rows[i][j] for line in rows]
    if any(abs(column[r] * rows[i][c] - rows[r][c]) > 1e-5 for r in range(h) for c in range(w)):
        return None
    return torch.tensor(column, dtype=kernel.dtype), torch.tensor(rows[i], dtype=kernel.dtype)


@separate.also_right
def separate_by_repetition(kernel):
    row = torch.arange(kernel.shape[1]).to(kernel.dtype) + 0.3
    for _ in range(20):
        column = kernel @ row / (row @ row)
        row = column @ kernel / (column @ column)
    if torch.allclose(torch.outer(column, row), kernel, atol=1e-5):
        return column, row


@separate.wrong(
    "This kernel is no column times a row: some of its rows are not multiples of one another. Compare the outer "
    "product with the kernel, and return None where they differ."
)
def separate_never_none(kernel):
    i, j = divmod(int(kernel.abs().argmax()), kernel.shape[1])
    return kernel[:, j] / kernel[i, j], kernel[i].clone()


@separate.wrong(
    "This kernel is no column times a row, and a singular value decomposition gives but the nearest: return None where "
    "the second singular value is not 0."
)
def separate_nearest(kernel):
    u, s, v = torch.linalg.svd(kernel)
    return s[0] * u[:, 0], v[0]


@separate.wrong("Your column and your row are exchanged: the column has h numbers and comes first.")
def separate_exchanged(kernel):
    split = separate.function(kernel)
    return split and split[::-1]


@separate.wrong(
    "You take the row sums and the column sums: their outer product is the kernel times the sum of all its weights."
)
def separate_sums(kernel):
    return None if separate.function(kernel) is None else (kernel.sum(1), kernel.sum(0))


@separate.wrong(
    "You divide by the sum of all weights, and in an edge kernel it is 0: divide by one weight that is not."
)
def separate_by_the_total(kernel):
    return None if separate.function(kernel) is None else (kernel.sum(1) / kernel.sum(), kernel.sum(0))


@separate.wrong(
    "You take the first column and the first row: their outer product is the kernel times its upper left weight."
)
def separate_not_divided(kernel):
    return None if separate.function(kernel) is None else (kernel[:, 0].clone(), kernel[0].clone())


@separate.wrong(
    "You divide by the upper left weight, and it may be 0: take a row and a column through a weight that is not."
)
def separate_by_the_corner(kernel):
    return None if separate.function(kernel) is None else (kernel[:, 0] / kernel[0, 0], kernel[0].clone())


@separate.wrong("You take the first row, and it may be all zeros: take one that is not.")
def separate_first_row(kernel):
    j = int(kernel[0].abs().argmax())
    return None if separate.function(kernel) is None else (kernel[:, j] / kernel[0, j], kernel[0].clone())


@separate.wrong(
    "You go through the largest weight, and where no weight is positive that is a 0: take the one with the largest "
    "absolute value."
)
def separate_by_the_largest(kernel):
    i, j = divmod(int(kernel.argmax()), kernel.shape[1])
    return None if separate.function(kernel) is None else (kernel[:, j] / kernel[i, j], kernel[i].clone())


@separate.wrong("You return None though this kernel can be split: all of its rows are multiples of one row.")
def separate_always_none(kernel):
    return None if kernel.numel() else (kernel, kernel)


# 6. A kernel that is learned


def _learn_cases(seed):
    noise = draws(seed)
    prewitt = vertical_edges.function()
    cases = [("a hidden kernel without any pattern", noise(3, 3)), ("Prewitt, turned", prewitt.T.contiguous())]
    return [(label, (kernel, noise(4, 1, 12, 11)), {}) for label, kernel in cases]


def _trained(answer, kernel, x):
    """Let an answer learn a hidden kernel from pictures and their maps; what is near enough counts as equal."""
    x = x.float()
    edges = F.conv2d(x, kernel.float()[None, None])
    given = edges.clone()
    learned = answer(x, given)
    if learned is ...:
        return learned
    if not torch.equal(given, edges):
        raise Refused("Your code changes its input `edges`: work on a copy, such as `edges.clone()`.")
    if type(learned) not in (torch.Tensor, torch.nn.Parameter):
        raise Refused("Return the learned kernel, a (3, 3) tensor: yours is something else.")
    if learned.layout != torch.strided or learned.device.type != "cpu" or not learned.is_floating_point():
        raise Refused("Return the learned kernel as a float tensor: yours is of another kind.")
    learned = learned.detach().float()
    if learned.shape == (3, 3):
        middle = torch.zeros(3, 3)
        middle[1, 1] = 1
        for known in (kernel.float(), middle):
            if float((learned - known).abs().max()) <= 0.01:
                learned = known.clone()
    return {"kernel": learned}


@exercise(
    title="Learn a kernel",
    contract="`learn_kernel(x, edges)`: `x` is (N, 1, H, W), pictures; `edges` is (N, 1, H − 2, W − 2), what a hidden "
    "3×3 kernel made of them. Return that kernel, (3, 3), each weight within 0.01.  \n"
    "A way that works: start from zeros and take 200 steps of size 0.1 against the gradient of the mean squared error "
    "(`F.mse_loss`). Other ways pass too, if they find the kernel in well under a second.",
    hints=(
        "What does a kernel of zeros predict, and how far is that from `edges`? That number is to become small.",
        "Make `weight = torch.zeros(1, 1, 3, 3, requires_grad=True)`. In each step: the loss of `F.conv2d(x, weight)` "
        "against `edges`, its gradient, a small step against the gradient.",
        "`optimizer = torch.optim.SGD([weight], lr=0.1)`, then 200 times: `optimizer.zero_grad()`, "
        "`F.mse_loss(F.conv2d(x, weight), edges).backward()`, `optimizer.step()`. At the end `weight.detach()[0, 0]`.",
    ),
    cases=_learn_cases,
    use=_trained,
    optimizers=True,
)
def learn_kernel(x, edges):
    """Find the 3×3 kernel that turns pictures into given maps, by gradient descent.

    x: (N, 1, H, W); edges: (N, 1, H - 2, W - 2), float32 both.
    Returns (3, 3), each weight within 0.01 of the hidden kernel's.
    """
    weight = torch.zeros(1, 1, 3, 3, requires_grad=True)
    for _ in range(200):
        weight.grad = None
        F.mse_loss(F.conv2d(x, weight), edges).backward()
        with torch.no_grad():
            weight -= 0.1 * weight.grad
    return weight.detach()[0, 0]


@learn_kernel.also_right
def learn_with_a_layer(x, edges):
    layer = torch.nn.Conv2d(1, 1, 3, bias=False)
    for _ in range(300):
        (gradient,) = torch.autograd.grad((layer(x) - edges).square().mean(), [layer.weight])
        layer.weight.data -= 0.1 * gradient
    return layer.weight[0, 0]


@learn_kernel.also_right
def learn_by_hand(x, edges):
    patches = F.unfold(x, 3).transpose(1, 2).reshape(-1, 9)
    weight = torch.zeros(9)
    for _ in range(200):
        weight = weight - 0.2 * patches.T @ (patches @ weight - edges.flatten()) / len(patches)
    return weight.view(3, 3)


@learn_kernel.also_right
def learn_at_once(x, edges):
    patches = F.unfold(x, 3).transpose(1, 2).reshape(-1, 9)
    return torch.linalg.lstsq(patches, edges.reshape(-1, 1)).solution.view(3, 3)


@learn_kernel.also_right
def learn_with_momentum(x, edges):
    weight = torch.nn.Parameter(torch.randn(1, 1, 3, 3))
    optimizer = torch.optim.SGD([weight], lr=0.1, momentum=0.8)
    for _ in range(80):
        optimizer.zero_grad()
        F.mse_loss(F.conv2d(x, weight), edges).backward()
        optimizer.step()
    return weight[0, 0]


@learn_kernel.also_right
def learn_by_equations(x, edges):
    patches = x.unfold(2, 3, 1).unfold(3, 3, 1).reshape(-1, 9).double()
    return torch.linalg.solve(patches.T @ patches, patches.T @ edges.flatten().double()).view(3, 3)


def _descend(x, edges, loss, *, lr=0.1, forget=True):
    weight = torch.zeros(1, 1, 3, 3, requires_grad=True)
    for _ in range(200):
        if forget:
            weight.grad = None
        loss(F.conv2d(x, weight), edges).backward()
        with torch.no_grad():
            weight -= lr * weight.grad
    return weight.detach()[0, 0]


@learn_kernel.wrong(
    "The gradients are never set back to zero, so each step also repeats all the steps before it, and the kernel "
    "swings to and fro: call `optimizer.zero_grad()` in each step."
)
def learn_without_zero_grad(x, edges):
    return _descend(x, edges, F.mse_loss, forget=False)


@learn_kernel.wrong("Your steps go the wrong way: the gradient points uphill, so take it away, `weight -= lr * grad`.")
def learn_uphill(x, edges):
    return _descend(x, edges, F.mse_loss, lr=-0.1)


@learn_kernel.wrong(
    "You found the kernel that copies the picture: the loss must compare the result with `edges`, not with `x`."
)
def learn_the_picture(x, edges):
    return _descend(x, x[..., 1:-1, 1:-1], F.mse_loss)


@learn_kernel.wrong(
    "Your loss is the mean difference, and it can become ever more negative: square the differences before the mean."
)
def learn_from_differences(x, edges):
    return _descend(x, edges, lambda out, edges: (out - edges).mean())


@learn_kernel.wrong(
    "Your kernel is still all zeros, as it began: either no step was taken, or the loss never looks at `edges`."
)
def learn_without_a_step(x, edges):
    weight = torch.zeros(1, 1, 3, 3, requires_grad=True)
    F.mse_loss(F.conv2d(x, weight), edges).backward()
    return weight.detach()[0, 0]


@learn_kernel.wrong(
    "The weights became nan: the steps are too large, and each overshoots by more than the one before. A sum of "
    "squares over all pixels is thousands of times their mean: take the mean, or much smaller steps."
)
def learn_from_the_sum(x, edges):
    return _descend(x, edges, lambda out, edges: (out - edges).square().sum())


@learn_kernel.wrong("You took a single step: repeat loss, gradient and step until the kernel no longer changes.")
def learn_one_step(x, edges):
    weight = torch.zeros(1, 1, 3, 3, requires_grad=True)
    F.mse_loss(F.conv2d(x, weight), edges).backward()
    return -0.1 * weight.grad[0, 0]
