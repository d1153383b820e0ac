"""The proof over all exercises at once: what is right passes, what is wrong is refused with a sentence."""

import itertools
import math
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from helpers import exercises as ex
from helpers.exercises import engine

SEEDS = range(int(os.environ.get("WORKBOOK_SEEDS", "1")))
EXERCISES = list(ex.EXERCISES.values())


def of(items):
    """Return parameters (exercise, item) for each item of each exercise."""
    pairs = [(exercise, item) for exercise in EXERCISES for item in items(exercise)]
    return pytest.mark.parametrize(
        ("exercise", "item"), pairs, ids=[f"{e.name}-{getattr(i, '__name__', i)}" for e, i in pairs]
    )


each = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)


def seen(exercise, answer, seed=0):
    """Return what is observed of an answer in each case; of one that is known, once and for all later checks."""
    known = answer is exercise.function
    return [
        exercise._observed(answer, seed, index) if known else exercise._observe(answer, case)
        for index, case in enumerate(exercise._cases(seed))
    ]


def run_cell(source, exercise):
    namespace = {"torch": torch, "nn": nn, "F": F, "math": math}
    exec(source, namespace)
    return namespace[exercise.function.__name__]


def assert_told(verdict):
    assert verdict.status == "wrong"
    assert len(verdict.message) > 20
    assert verdict.message[0].isupper() or verdict.message[0] == "`"
    assert verdict.message.rstrip()[-1] in ".?!)"
    for unwanted in ("Traceback", "helpers/", "site-packages", "object at 0x"):
        assert unwanted not in verdict.message


def test_every_exercise_has_a_name_and_a_place():
    assert set(ex.EXERCISES) >= {"convolution.conv2d", "start_here.down_and_darker"}
    assert ex.EXERCISES["convolution.conv2d"] is ex.convolution.conv2d
    for name, exercise in ex.EXERCISES.items():
        assert exercise.name == name
        module, function = name.split(".")
        assert getattr(getattr(ex, module), function) is exercise


@each
def test_every_exercise_is_complete(exercise):
    assert len(exercise.wrongs) >= 3
    assert len(exercise.rights) >= 2
    assert len(exercise.hints) == 3
    assert all(len(hint) > 20 for hint in exercise.hints)
    assert len(set(exercise.hints)) == 3
    assert exercise.contract
    assert exercise.title
    sentences = [sentence for sentence, _ in exercise.wrongs]
    assert len(set(sentences)) == len(sentences)
    assert all(sentence[0].isupper() and sentence[-1] in ".?" for sentence in sentences)


@each
def test_the_stub_is_not_attempted(exercise):
    stub = run_cell(exercise.stub_source, exercise)
    assert stub.__doc__ == exercise.function.__doc__
    assert exercise.stub_source.endswith("...  # replace the dots with your code")
    assert exercise._verdict(stub).status == "not attempted"
    assert exercise._verdict(...).status == "not attempted"


@each
def test_the_solution_cell_passes(exercise):
    assert exercise.solution_source.startswith(("def ", "class "))
    verdict = exercise.judge(run_cell(exercise.solution_source, exercise))
    assert (verdict.status, verdict.output) == ("passed", "")


@of(lambda exercise: [exercise.function, *exercise.rights])
def test_right_answers_pass_on_many_seeds(exercise, item):
    for seed in SEEDS:
        verdict = exercise._verdict(item, seed)
        assert verdict.status == "passed", (seed, verdict.message)


def as_the_inputs(result, args):
    """Return a result with its tensors in the dtype of the first float tensor among the inputs."""
    if isinstance(result, (tuple, list)):
        return type(result)(as_the_inputs(part, args) for part in result)
    dtype = next((x.dtype for x in args if engine._is_float(x)), torch.float32)
    return result.to(dtype) if engine._is_float(result) else result


def laid_out_anew(result):
    """Return copies of a result's tensors, their last axis first in memory."""
    if isinstance(result, (tuple, list)):
        return [laid_out_anew(part) for part in result]
    if not isinstance(result, torch.Tensor) or not result.dim():
        return result
    out = torch.empty_like(result.movedim(-1, 0), memory_format=torch.contiguous_format).movedim(0, -1)
    return out.copy_(result)


def changed_floats(change, values):
    return [change(x) if engine._is_float(x) else x for x in values]


STYLES = {
    "in float64, and back": lambda f, args, kwargs: as_the_inputs(
        f(*changed_floats(torch.Tensor.double, args), **kwargs), args
    ),
    "copied into new tensors, laid out otherwise": lambda f, args, kwargs: laid_out_anew(f(*args, **kwargs)),
    "from clones of the inputs": lambda f, args, kwargs: f(*changed_floats(torch.clone, args), **kwargs),
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    "exercise", [e for e in EXERCISES if e.use is engine._call], ids=lambda exercise: exercise.name
)
def test_a_solution_in_another_style_passes(exercise, style):
    def answer(*args, **kwargs):
        return STYLES[style](exercise.function, args, kwargs)

    for seed in (0, 1):
        verdict = exercise._verdict(answer, seed)
        assert verdict.status == "passed", verdict.message


@of(lambda exercise: [function for _, function in exercise.wrongs])
def test_wrong_answers_are_told_their_own_sentence_on_many_seeds(exercise, item):
    (sentence,) = [sentence for sentence, function in exercise.wrongs if function is item]
    for seed in SEEDS:
        verdict = exercise._verdict(item, seed)
        assert verdict.status == "wrong", seed
        assert verdict.message.startswith(sentence), (seed, verdict.message)
        assert len(verdict.message) > len(sentence) + 10  # and where it shows


@each
def test_judge_says_what_is_found_in_this_process(exercise):
    _, function = exercise.wrongs[0]
    verdict = exercise._verdict(function)  # first, so that the judge's child knows the solution's results
    assert exercise.judge(function) == verdict


@each
def test_cases_differ_from_seed_to_seed_and_only_from_there(exercise):
    def results(seed):
        return [exercise._observe(exercise.function, case).result for case in exercise._cases(seed)]

    assert results(3) == results(3)
    has_inputs = any(case.args or case.kwargs for case in exercise._cases(0))
    assert (results(3) != results(4)) == has_inputs


@each
def test_names_differ_in_size(exercise):
    """Nothing square and nothing single in the first case, so that swapped axes show and no size stands for another."""
    for value in (*exercise._cases(0)[0].args, *exercise._cases(0)[0].kwargs.values()):
        if isinstance(value, torch.Tensor) and value.dim() >= 2:
            assert value.shape[0] > 1
            assert value.double().std() > 0.1
        if isinstance(value, torch.Tensor) and value.dim() == 4:
            assert len(set(value.shape[2:])) == 2
            assert len(set(value.shape)) == value.dim() or exercise.name.startswith("convolution."), value.shape


@pytest.mark.parametrize("exercise", [e for e in EXERCISES if e.name.startswith("convolution.")], ids=lambda e: e.name)
def test_no_size_stands_for_another(exercise):
    for seed in SEEDS:
        shapes = [value.shape for value in exercise._cases(seed)[0].args if isinstance(value, torch.Tensor)]
        if len(shapes) == 2:
            first, second = shapes  # of four axes the second names C_in again, of three the batch
            assert first[0] > 1 or len(first) == 2
            sizes = [*first, *second] if len(second) == 2 else [*first, *second[1:]]
            if len(second) == 4:
                sizes = [*first[1:], second[0], *second[2:]]
            assert len(set(sizes)) == len(sizes), shapes


def tensors(change):
    def wrapped(result, args):
        if isinstance(result, torch.Tensor):
            return change(result)
        return type(result)(change(torch.tensor(float(result))).item())

    return wrapped


def one_off(result):
    result = result.clone()
    result.view(-1)[-1] += 0.5
    return result


def random_values(result):
    return torch.randn(result.shape, generator=torch.Generator().manual_seed(5), dtype=result.dtype) * 3 + 1


RESULT_MUTANTS = {
    "zeros": tensors(torch.zeros_like),
    "ones": tensors(lambda r: torch.ones_like(r) * 1.5),
    "random values": tensors(random_values),
    "plus 0.01": lambda r, args: r + 1e-2,
    "times 1.01": lambda r, args: r * 1.01,
    "negative": lambda r, args: -r,
    "one element off": tensors(one_off),
    "rolled": tensors(lambda r: r.reshape(-1).roll(1).reshape(r.shape)),
    "transposed": tensors(lambda r: r.transpose(-1, -2) if r.dim() > 1 else r),
    "mirrored": tensors(lambda r: r.flip(-1) if r.dim() else r),
    "extra axis": lambda r, args: torch.as_tensor(r)[None],
    "flat": lambda r, args: r.reshape(-1) if isinstance(r, torch.Tensor) else [r],
    "other number": lambda r, args: r.int() if isinstance(r, torch.Tensor) else float(r),
    "float16": lambda r, args: torch.as_tensor(r).half(),
    "complex": lambda r, args: torch.as_tensor(r) * (1 + 0j),
    "bool": lambda r, args: r > 0,
    "nan": tensors(lambda r: r * math.nan if r.dtype.is_floating_point else r),
    "inf": lambda r, args: r * math.inf,
    "first input": lambda r, args: args[0] if args else 7,
    "None": lambda r, args: None,
    "text": lambda r, args: "0.5",
    "list with dots": lambda r, args: [..., ...],
    "tuple": lambda r, args: (r, r),
    "dict": lambda r, args: {"out": r},
    "numpy": lambda r, args: torch.as_tensor(r).detach().double().numpy(),
    "sparse": lambda r, args: torch.as_tensor(r).to_sparse() if torch.as_tensor(r).dim() else "scalar",
    "meta": lambda r, args: torch.as_tensor(r).to("meta"),
    "an exception": lambda r, args: 1 / 0,
    "SystemExit": lambda r, args: exit(3),
    "function": lambda r, args: len,
    "type": lambda r, args: int,
}


def changed(exercise, change):
    """Return the solution with what it gives back changed: `change(result, args)`."""
    if isinstance(exercise.function, type):

        class Changed(exercise.function):
            def forward(self, *args, **kwargs):
                return change(super().forward(*args, **kwargs), args)

        return Changed

    def mutant(*args, **kwargs):
        return change(exercise.function(*args, **kwargs), args)

    return mutant


@pytest.mark.parametrize(
    ("exercise", "item"),
    [
        # Each exercise meets another third of them; the other two thirds are slow.
        pytest.param(exercise, item, id=f"{exercise.name}-{item}", marks=[pytest.mark.slow] if (i + j) % 3 else [])
        for i, exercise in enumerate(EXERCISES)
        for j, item in enumerate(RESULT_MUTANTS)
    ],
)
def test_mutated_solutions_are_refused(exercise, item):
    mutant = changed(exercise, RESULT_MUTANTS[item])
    verdict = exercise._verdict(mutant)
    takes_any_number = exercise.name == "start_here.down_and_darker"  # says its contract
    if takes_any_number and item in ("float16", "numpy"):
        assert verdict.status == "passed"
    elif verdict.status == "passed":  # the change must change nothing here, such as a number transposed
        for want, got in zip(seen(exercise, exercise.function), seen(exercise, mutant), strict=True):
            assert got.result == want.result
    else:
        assert_told(verdict)


class Oddly:
    def __call__(self, *args, **kwargs):
        return 3

    def __eq__(self, other):
        return True

    __hash__ = None


class NoText(Exception):
    def __str__(self):
        raise RuntimeError


def generator(*args, **kwargs):
    yield 1


async def coroutine(*args, **kwargs):
    return 1


def bad_exception(*args, **kwargs):
    raise NoText


def endless(*args, **kwargs):
    return endless(*args, **kwargs)


def interrupts(*args, **kwargs):
    raise KeyboardInterrupt


def huge(*args, **kwargs):
    return torch.zeros(2**46)


def asks(*args, **kwargs):
    return input("a number, please")


def looped_list(*args, **kwargs):
    result = []
    result.append(result)
    return result


ODD_ANSWERS = [
    None, 3, 2.5, True, "conv2d", [], {}, torch, torch.ones(2, 2), nn.Conv2d, Oddly, Oddly(), print, len, max,
    torch.add, lambda: 1 / 0, lambda a, b, c, d, e, f, g: 1, lambda *args, **kwargs: Oddly(), generator, coroutine,
    bad_exception, endless, interrupts, huge, asks, looped_list, nn.Identity(), nn.Conv2d(3, 4, 3), object(),
    10**5000, lambda *args, **kwargs: 10**5000, lambda *args, **kwargs: -(10**5000),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:coroutine")
@pytest.mark.parametrize("answer", ODD_ANSWERS, ids=range(len(ODD_ANSWERS)))
@each
def test_odd_answers_are_refused(exercise, answer):
    assert_told(exercise._verdict(answer))


@pytest.mark.parametrize("answer", ODD_ANSWERS, ids=range(len(ODD_ANSWERS)))
def test_judge_never_raises(answer):
    assert_told(ex.convolution.conv2d.judge(answer))


@each
def test_results_are_compared_as_plain_values(exercise):
    class Same(torch.Tensor):
        def __eq__(self, other):
            return torch.ones(()).bool()

        __hash__ = None

        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return torch.ones(())

    class SameInt(int):
        def __eq__(self, other):
            return True

        __hash__ = None

    assert_told(exercise._verdict(lambda *args, **kwargs: torch.ones(3, 3).as_subclass(Same)))
    assert_told(exercise._verdict(lambda *args, **kwargs: SameInt(3)))


@each
def test_changed_inputs_are_refused(exercise):
    case, given = exercise._cases(0)[0], []
    exercise._observe(changed(exercise, lambda result, args: given.append(args) or result), case)
    if not given or not any(given[0][:1] and given[0][0] is x for x in case.args if isinstance(x, torch.Tensor)):
        return

    def spoil(result, args):
        with torch.no_grad():
            args[0].reshape(-1)[0] += 0  # not a change
            args[0].view(-1)[0] += 1
        return result.detach() if isinstance(result, torch.Tensor) else result

    verdict = exercise._verdict(changed(exercise, spoil))
    assert_told(verdict)
    assert re.search("changes its input `\\w+`", verdict.message)


@pytest.mark.parametrize("exercise", [e for e in EXERCISES if e.gradients], ids=lambda e: e.name)
def test_a_cut_gradient_is_refused(exercise):
    verdict = exercise._verdict(changed(exercise, lambda result, args: result.detach()))
    assert_told(verdict)
    assert "carries no gradient" in verdict.message

    floats = [place for place, value in enumerate(exercise._cases(0)[0].args) if engine._is_float(value)]
    if exercise.use is engine._call and len(floats) < 2:
        return

    def half_cut(*args, **kwargs):
        args = list(args)
        last = max(place for place, value in enumerate(args) if engine._is_float(value))
        args[last] = args[last].detach()
        return exercise.function(*args, **kwargs)

    verdict = exercise._verdict(half_cut)
    assert "gradient" in verdict.message
    assert_told(verdict)


def test_dtype_is_kept():
    def always_float32(x, kernel):
        return ex.convolution.convolve.function(x.float(), kernel.float())

    assert "should be float64, and yours is float32" in ex.convolution.convolve.judge(always_float32).message
    by_way_of_float32 = ex.convolution.convolve._verdict(lambda x, kernel: always_float32(x, kernel).to(x.dtype))
    assert_told(by_way_of_float32)
    assert "in float64" in by_way_of_float32.message


@each
def test_what_is_demanded_is_said(exercise):
    for text in (exercise.contract, exercise.function.__doc__):
        assert not exercise.gradients or "keeps the dtype and the gradient" in text


def squeezed(exercise, *dims):
    return exercise, lambda *args, **kwargs: exercise.function(*args, **kwargs).squeeze(*dims)


def squeezed_patch(x, kernel, row, col):
    return (x[row : row + kernel.shape[0], col : col + kernel.shape[1]].squeeze() * kernel).sum()


def squeezed_windows(x, kernel):
    windows = x.unfold(0, kernel.shape[0], 1).unfold(1, kernel.shape[1], 1)
    rows = [torch.stack([(one.squeeze() * kernel).sum() for one in row]) for row in windows]
    return torch.stack(rows)


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        squeezed(ex.convolution.kernel_gradient),
        squeezed(ex.convolution.kernel_gradient, 0),
        squeezed(ex.convolution.kernel_gradient, 1),
        squeezed(ex.convolution.conv2d, 0),
        squeezed(ex.convolution.conv2d, 1),
        squeezed(ex.convolution.conv2d, 2),
        squeezed(ex.convolution.conv2d, 3),
        squeezed(ex.convolution.grouped_conv2d, 0),
        squeezed(ex.convolution.grouped_conv2d, 3),
        squeezed(ex.convolution.convolve, 0),
        squeezed(ex.convolution.convolve, 1),
        (ex.convolution.patch_sum, squeezed_patch),
        (ex.convolution.convolve, squeezed_windows),
    ],
)
def test_sizes_of_one_are_met(exercise, answer):
    verdict = exercise._verdict(answer)
    assert_told(verdict)
    assert not any(verdict.message.startswith(sentence) for sentence, _ in exercise.wrongs)


def test_the_narrow_cases_are_there():
    def some(exercise, true):
        return any(true(*case.args, **case.kwargs) for case in exercise._cases(0))

    def per_group(x, weight, groups=1):
        return groups > 1 and len(weight) == groups

    assert some(ex.convolution.grouped_conv2d, per_group)
    assert some(ex.convolution.grouped_conv2d, lambda x, weight, groups=1: weight.shape[2:] == (1, 1))
    for exercise in (ex.convolution.conv2d, ex.convolution.grouped_conv2d):
        assert some(exercise, lambda x, weight, *args, **kwargs: x.shape[3] == weight.shape[3] > 1)
    assert some(ex.convolution.conv2d, lambda x, weight, *args, **kwargs: x.shape[2] == weight.shape[2] > 1)
    for exercise in (ex.convolution.patch_sum, ex.convolution.convolve):
        assert some(exercise, lambda x, kernel, *args: kernel.shape[0] > 1 == kernel.shape[1])
        assert some(exercise, lambda x, kernel, *args: kernel.shape[1] > 1 == kernel.shape[0])


@pytest.mark.parametrize(
    "exercise", [e for e in EXERCISES if e._cases(0)[0].args and e.use is engine._call], ids=lambda e: e.name
)
def test_a_result_remembered_by_shape_is_refused(exercise):
    known = {}

    def remembers(*args, **kwargs):
        key = [(tuple(v.shape), v.dtype, v.requires_grad) if isinstance(v, torch.Tensor) else v for v in args]
        key = (*key, *kwargs)
        if repr(key) not in known:
            known[repr(key)] = exercise.function(*args, **kwargs)
        return known[repr(key)]

    has_tensors = any(isinstance(value, torch.Tensor) for value in exercise._cases(0)[0].args)
    verdict = exercise._verdict(remembers)
    assert verdict.status == ("wrong" if has_tensors else "passed")


def test_a_buffer_used_again_is_refused():
    buffers = {}

    def answer(x, upstream):
        result = ex.convolution.kernel_gradient.function(x, upstream)
        return buffers.setdefault((result.shape, result.dtype), torch.empty_like(result)).copy_(result)

    verdict = ex.convolution.kernel_gradient._verdict(answer)
    assert_told(verdict)
    assert "make a new tensor in each call" in verdict.message


def test_flags_and_gradients_of_inputs_are_inputs_too():
    def flags(x, upstream):
        x.requires_grad_()
        return ex.convolution.kernel_gradient.function(x, upstream).detach()

    def fills(x, kernel):
        if x.requires_grad:
            (x.sum() * kernel.sum()).backward()
        return ex.convolution.convolve.function(x, kernel)

    message = ex.convolution.kernel_gradient._verdict(flags).message
    assert "changes its input `x.requires_grad`: work on a copy, such as `x.clone()`." in message
    message = ex.convolution.convolve._verdict(fills).message
    assert "changes `x.grad` and `kernel.grad`: `.backward()` fills it" in message


def test_defaults_of_the_notebook_do_not_matter():
    judge, solution = ex.convolution.convolve.judge, ex.convolution.convolve.function

    def plain(x, kernel):
        out = torch.zeros(x.shape[0] - kernel.shape[0] + 1, x.shape[1] - kernel.shape[1] + 1)
        return solution(x, kernel) + out.to(x.dtype) if out.dtype == torch.float32 else 1 / 0

    try:
        torch.set_default_dtype(torch.float64)
        torch.set_default_device("meta")
        assert (judge(solution).status, judge(plain).status) == ("passed", "passed")
        assert (torch.get_default_dtype(), torch.get_default_device().type) == (torch.float64, "meta")
    finally:
        torch.set_default_device(None)
        torch.set_default_dtype(torch.float32)

    def meddles(x, kernel):
        torch.set_default_device("meta")
        return solution(x, kernel)

    assert ex.convolution.convolve._verdict(meddles).status == "passed"
    assert torch.zeros(1).device.type == "cpu"


def test_answers_that_cut_the_gradient_read_a_true_sentence():
    def by_numpy(x, kernel, row, col):
        patch = x.numpy()[row : row + kernel.shape[0], col : col + kernel.shape[1]]
        return torch.tensor((patch * kernel.numpy()).sum())

    message = ex.convolution.patch_sum._verdict(by_numpy).message
    assert "stay with torch operations, without numpy" in message
    message = ex.convolution.patch_sum._verdict(torch.no_grad()(ex.convolution.patch_sum.function)).message
    assert "carries no gradient" in message
    assert "`torch.no_grad()`" in message
    assert "`.numpy()`" in message


def test_the_sentence_of_a_misconception_is_found_in_other_code():
    def flipped_by_loops(x, weight, bias=None):
        return ex.convolution.conv2d.rights[0](x, torch.rot90(weight, 2, (2, 3)), bias)

    assert ex.convolution.conv2d.judge(flipped_by_loops).message.startswith("This is the flipped kernel")


def test_one_misconception_among_others_is_found():
    """Wrong in its own way in a later case, alike in the first: the sentence still helps."""

    def flipped(x, kernel):
        out = ex.convolution.convolve.function(x, kernel.flip(0, 1))
        return out if len(x) > 5 else out * 7

    assert ex.convolution.convolve.judge(flipped).message.startswith("This is the flipped kernel")


@pytest.mark.parametrize(
    "answer",
    [
        lambda x, weight, bias=None: F.conv2d(x, weight, bias).squeeze(),
        lambda x, weight, bias=None: F.conv2d(x, weight, None if bias is None else bias * weight.shape[2]),
        lambda x, weight, bias=None: F.conv2d(x / weight.shape[2], weight, bias),
        lambda x, weight, bias=None: F.conv2d(x / weight.shape[3], weight, bias),
        lambda x, weight, bias=None: F.conv2d(x, weight, None if bias is None else bias * len(x)),
    ],
)
def test_no_untrue_sentence_is_said(answer):
    for seed in SEEDS:
        verdict = ex.convolution.conv2d._verdict(answer, seed)
        assert_told(verdict)
        assert verdict.message.startswith("In the case"), verdict.message


def test_one_number_at_a_time_is_fast_enough():
    def conv2d(x, weight, bias=None):
        (n, c_in, h, w), (c_out, _, kh, kw) = x.shape, weight.shape
        out = x.new_zeros(n, c_out, h - kh + 1, w - kw + 1)
        for b, o, r, c in itertools.product(*map(range, out.shape)):
            for k, i, j in itertools.product(range(c_in), range(kh), range(kw)):
                out[b, o, r, c] += x[b, k, r + i, c + j] * weight[o, k, i, j]
            if bias is not None:
                out[b, o, r, c] += bias[o]
        return out

    assert ex.convolution.conv2d.judge(conv2d).status == "passed"


def test_a_wrong_answer_that_is_right_no_longer_names_it():
    """Alike at the first difference, but the named one is wrong before it: its sentence would be untrue."""

    def answer(x, weight, bias=None):
        return F.conv2d(x.sum(0), weight, bias) if len(x) == 1 else F.conv2d(x, weight, bias)

    assert "sum over the pictures" not in ex.convolution.conv2d._verdict(answer).message


def test_the_kernel_of_notebook_00_is_exact():
    exercise = ex.start_here.down_and_darker
    for noise in (1e-5, -1e-5):
        assert_told(exercise._verdict(lambda noise=noise: exercise.function() + noise))
    for answer in ([[1, 2], [3]], np.array([["a"] * 3] * 3), np.zeros((2, 2)), 0.5 * torch.ones(2, 2)):
        verdict = exercise._verdict(lambda answer=answer: answer)
        assert_told(verdict)
        assert "gradient" not in verdict.message
        assert "(3, 3)" in verdict.message or "3×3" in verdict.message
    assert "0.5" not in exercise.stub_source


@pytest.mark.parametrize(
    ("sentence", "function"), ex.start_here.down_and_darker.wrongs, ids=lambda item: getattr(item, "__name__", "")
)
def test_the_sentences_of_notebook_00_are_true(sentence, function):
    """What each says about where the picture goes is what its kernel does to a single bright pixel."""
    kernel = torch.as_tensor(function()).float()
    pixel = F.pad(torch.ones(1, 1, 1, 1), (2, 2, 2, 2))
    rows, cols = torch.nonzero(F.conv2d(pixel, kernel[None, None], padding=1)[0, 0]).T - 2
    if len(rows) > 1:
        assert "blurs" in sentence or "lays" in sentence
        return
    moves = sentence.replace(".", ":").split(":")[0]
    assert ("up" in moves, "down" in moves) == (rows < 0, rows > 0)
    assert ("to the left" in moves, "to the right" in moves) == (cols < 0, cols > 0)


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_each_branch_keeps_the_dtype_the_digits_and_the_gradient(mode):
    def spoilt(spoil):
        def answer(x, padding, mode_asked="zeros"):
            return ex.padding.pad.function(spoil(x) if mode_asked == mode else x, padding, mode_asked)

        return ex.padding.pad._verdict(lambda x, padding, mode="zeros": answer(x, padding, mode)).message

    assert "should be float64, and yours is float32" in spoilt(lambda x: x.float())
    assert "in float64" in spoilt(lambda x: x.float().to(x.dtype))
    assert "carries no gradient" in spoilt(lambda x: x.detach())


def test_a_list_of_another_length_and_a_list_that_is_changed_are_told():
    missed = ex.padding.missed_pixels
    longer = missed._verdict(lambda *args, **kwargs: [*missed.function(*args, **kwargs), 7]).message
    assert re.search(r"the result should have (\d+) entries, and yours has \d+\.$", longer)
    shorter = missed._verdict(lambda *args, **kwargs: missed.function(*args, **kwargs)[1:]).message
    assert re.search(r"and yours has \d+\. The result's \[0\] should be \d+, and yours is \d+\.$", shorter)

    def reverses(layers):
        layers.reverse()
        return ex.pooling.receptive_field.function(layers[::-1])

    assert "work on a copy, such as `list(layers)`." in ex.pooling.receptive_field._verdict(reverses).message


def test_a_fact_that_is_not_so_is_said_in_words():
    facts = engine._plain({"images move": True, "shape": "(2, 3)"})
    for other, said in (
        ({"images move": False, "shape": "(2, 3)"}, "this should be so, and is not: images move."),
        ({"images move": True, "shape": "(3, 2)"}, "the result's shape should be '(2, 3)', and yours is '(3, 2)'."),
        ({"images move": True, "shape": "(2, 3)"}, ""),
    ):
        assert engine._plain_difference(facts, engine._plain(other), "the result") == said


@each
def test_sentences_hold_only_the_marks_that_are_shown(exercise):
    """Code between backticks, which can be pasted; stars would stay stars."""
    for text in (*exercise.hints, *(sentence for sentence, _ in exercise.wrongs)):
        assert "**" not in re.sub(r"`[^`]*`", "", text), text
        assert text.count("`") % 2 == 0, text
        assert not any(sign in code for code in re.findall(r"`([^`]*)`", text) for sign in "−×·"), text


def test_none_and_kinds_are_named():
    judge = ex.convolution.convolve.judge
    assert "forget `return`" in judge(lambda x, kernel: print()).message
    assert "a list" in judge(lambda x, kernel: [[1.0]]).message
    assert "without numpy" in judge(lambda x, kernel: x.numpy()).message
    assert "not `yield`" in judge(generator_like).message
    assert "was given a Tensor" in judge(torch.ones(1)).message
    assert "`convolve(x, kernel)`" in judge(lambda x: x).message
    assert "a class" in judge(nn.Conv2d).message
    message = ex.convolution.conv2d.judge(lambda x, weight, bias: F.conv2d(x, weight, bias)).message
    assert "`conv2d(x, weight, bias=None)`" in message
    assert "'bias'" in message
    assert ".item()" in ex.convolution.patch_sum.judge(lambda x, kernel, row, col: 0.5).message
    assert "whole number" in ex.convolution.count_parameters.judge(lambda *a, **k: 448.0).message


def generator_like(x, kernel):
    yield x


def only_pass(x, kernel):
    pass


def only_words(x, kernel):
    """Slide."""
    ...


def returns_nothing(x, kernel):
    x + kernel.sum()


def test_an_empty_body_is_not_attempted():
    for function, status in ((only_pass, "not attempted"), (only_words, "not attempted"), (returns_nothing, "wrong")):
        assert ex.convolution.convolve._verdict(function).status == status


@each
def test_an_empty_function_is_not_attempted_in_any_exercise(exercise):
    def empty(*args, **kwargs):
        pass

    if not isinstance(exercise.function, type):
        assert exercise._verdict(empty) == engine.Verdict("not attempted", engine._REPLACE)


@pytest.mark.parametrize(
    "exercise",
    [e for e in EXERCISES if isinstance(e.function, type) and issubclass(e.function, nn.Module)],
    ids=lambda exercise: exercise.name,
)
def test_a_class_that_is_no_module_is_told(exercise):
    class Plain:
        pass

    name = exercise.function.__name__
    assert exercise._verdict(Plain) == engine.Verdict(
        "wrong", f"Your class is no module: write `class {name}(nn.Module):`, and `super().__init__()` first."
    )


def test_a_kind_is_named_in_words():
    assert [engine.kind_of(value) for value in (None, 1, [], {}, 0.5)] == [
        "None",
        "an int",
        "a list",
        "a dict",
        "a float",
    ]
    assert "yours is an int." in ex.limits.accuracy.judge(lambda *args, **kwargs: 1).message


def test_an_unfinished_branch_is_told():
    def half(x, weight, bias=None):
        if bias is None:
            return ...
        return ex.convolution.conv2d.function(x, weight, bias)

    verdict = ex.convolution.conv2d.judge(half)
    assert verdict.status == "wrong"
    assert "the dots" in verdict.message


def test_what_the_cell_imported_by_name_is_watched_too():
    exercise = ex.modules.through_a_file
    source = exercise.solution_source.replace("torch.save(", "keep(").replace("torch.load(", "load(")
    namespace = {"torch": torch, "nn": nn, "keep": torch.save, "load": torch.load}
    exec(source, namespace)
    for verdict in (exercise.judge(namespace["through_a_file"]), exercise._verdict(namespace["through_a_file"])):
        assert verdict.status == "passed", verdict.message
    assert (namespace["keep"], namespace["load"]) == (torch.save, torch.load)


def test_numpy_whole_numbers_count_as_int():
    def count(in_channels, out_channels, kernel_size, bias=True):
        return torch.tensor(
            ex.convolution.count_parameters.function(in_channels, out_channels, kernel_size, bias)
        ).numpy()[()]

    assert ex.convolution.count_parameters.judge(count).status == "passed"


def test_what_was_drawn_before_a_check_does_not_matter():
    """This named wrong answer keeps the weights that torch draws for a new layer."""
    fold = ex.normalization.fold
    sentence, answer = next(pair for pair in fold.wrongs if "loses the settings" in pair[0])
    for _ in range(3):
        assert fold._verdict(answer).message.startswith(sentence)
        torch.rand(5)


def test_judge_leaves_torch_as_it_was():
    def meddles(x, kernel):
        torch.manual_seed(0)
        torch.randn(5)
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        torch.set_num_threads(2)
        torch.Tensor.sum = F.conv2d = torch.allclose = torch.equal = lambda *args, **kwargs: True
        return x

    before = (F.conv2d, torch.Tensor.sum, torch.allclose, torch.equal)
    state = torch.get_rng_state()
    for judge in (ex.convolution.convolve.judge, ex.convolution.convolve._verdict):
        assert_told(judge(meddles))
        assert (F.conv2d, torch.Tensor.sum, torch.allclose, torch.equal) == before
        assert bool((torch.get_rng_state() == state).all())
        assert torch.get_default_dtype() == torch.float32
        assert torch.is_grad_enabled()
        assert torch.get_num_threads() == 1


class Scale(nn.Module):
    """Multiply by one learned number."""

    def __init__(self, start=1.0):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(start))

    def forward(self, x):
        """Return x times the number; x: any shape."""
        return x * self.factor


def scaled(answer, start, x):
    module = answer(start)
    return {"output": module(x), "learned": sum(p.numel() for p in module.parameters())}


def of_scale():
    return engine.Exercise(
        Scale,
        "Scale",
        "",
        ("", "", ""),
        lambda seed: [("", (2.5, torch.arange(6.0).view(2, 3) + seed), {})],
        use=scaled,
    )


class ScaleOfNothing(Scale):
    def __init__(self, start=1.0):
        nn.Module.__init__(self)
        self.factor = start


class HalfDone(nn.Module):
    def __init__(self, start=1.0):
        super().__init__()

    def forward(self, x): ...


class NoStart(Scale):
    def __init__(self, start=1.0):
        self.factor = nn.Parameter(torch.tensor(start))


def test_a_class_is_an_exercise_too():
    exercise = of_scale()
    exercise.wrong("A plain number is not learned.")(ScaleOfNothing)
    stub = exercise.stub_source
    assert stub.startswith(
        'class Scale(nn.Module):\n    """Multiply by one learned number."""\n\n    def __init__(self'
    )
    assert stub.endswith('x: any shape."""\n        ...  # replace the dots with your code')
    assert "Parameter" not in stub
    judge = exercise.judge
    assert judge(run_cell(stub, exercise)) == engine.Verdict("not attempted", engine._REPLACE)
    assert judge(run_cell(exercise.solution_source, exercise)).status == "passed"
    assert judge(ScaleOfNothing).message.startswith("A plain number is not learned. The result's learned should be 1")
    assert judge(HalfDone).message == "`forward` still holds its dots: replace them with your code too."
    assert "super().__init__" in judge(NoStart).message or "Module.__init__" in judge(NoStart).message
    for other in (Scale(), scaled, 3, None):
        verdict = judge(other)
        assert_told(verdict)
        assert "The check needs your class itself, `check(Scale)`" in verdict.message


def test_loading_the_optimizers_is_not_the_answers_time():
    script = """
import sys
from helpers import exercises as ex
for exercise in ex.EXERCISES.values():
    if exercise.optimizers:
        assert exercise.judge(exercise.function).status == "passed", exercise
        assert "torch._dynamo" in sys.modules
        print(exercise.name)
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ran.stdout.split() == [exercise.name for exercise in EXERCISES if exercise.optimizers] != [], ran.stderr


def test_hints_come_one_by_one(capsys):
    exercise = ex.convolution.kernel_gradient
    exercise._hints_given = 0
    for number in (1, 2, 3, 3):
        exercise.hint()
        text = capsys.readouterr().out
        assert f"Hint {number} of 3" in text
        assert exercise.hints[number - 1] in text
    assert "`solution()` shows an answer once you have tried." in text


def test_the_solution_waits_for_an_attempt(capsys, monkeypatch):
    exercise = ex.convolution.grouped_conv2d
    exercise._attempted = False
    monkeypatch.setattr(engine.progress, "passed", dict)
    exercise.judge(run_cell(exercise.stub_source, exercise))
    exercise.solution()
    assert "def " not in capsys.readouterr().out
    exercise.solution(force=True)
    assert exercise.solution_source in capsys.readouterr().out
    exercise.judge(lambda x, weight, groups=1: x)
    exercise.solution()
    assert exercise.solution_source in capsys.readouterr().out
    exercise._attempted = False  # as after a restart
    monkeypatch.setattr(engine.progress, "passed", lambda: {exercise.name: "2026-01-01"})
    exercise.solution()
    assert exercise.solution_source in capsys.readouterr().out


def test_check_says_the_status_in_words(capsys):
    check = ex.start_here.down_and_darker.check
    check(ex.start_here.down_and_darker.function)
    assert capsys.readouterr().out == "Passed: Down and darker. That is right.\n"
    check(lambda: ...)
    assert capsys.readouterr().out.startswith("Not attempted yet: Down and darker.")
    check(lambda: print("now here") or [[0, 0, 0], [0.5, 0, 0], [0, 0, 0]])
    text = capsys.readouterr().out
    assert text.startswith("Not right yet: Down and darker. This kernel moves the picture to the right")
    assert text.endswith("Your code printed:\nnow here\n\n")


def test_text_that_no_file_can_hold_is_shown(capsys):
    def answer(x, kernel):
        raise ValueError("bad \ud800 name")

    ex.convolution.convolve.judge(answer).message.encode()
    engine._display("\ud800", "name \ud800", "text/html")
    assert capsys.readouterr().out == "name ?\n"


def test_the_shown_html_is_safe(monkeypatch):
    shown = []
    monkeypatch.setattr(engine, "_display", lambda rich, plain, mime: shown.append((rich, plain, mime)))

    def answer():
        print("<script>alert(1)</script>")
        raise ValueError("<b>`x`</b>")

    ex.start_here.down_and_darker.check(answer)
    ((rich, plain, mime),) = shown
    assert mime == "text/html"
    assert "<script>" not in rich
    assert "<b>" not in rich
    assert "Not right yet" in rich
    assert "role='status'" in rich
    assert "ValueError: <b>" in plain
