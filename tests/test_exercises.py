"""The proof over all exercises at once: what is right passes, what is wrong is refused with a sentence."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from helpers import exercises as ex
from helpers.exercises import engine

SEEDS = range(20)
EXERCISES = list(ex.EXERCISES.values())


def of(items):
    """Return parameters (exercise, item) for each item of each exercise."""
    pairs = [(exercise, item) for exercise in EXERCISES for item in items(exercise)]
    return pytest.mark.parametrize(
        ("exercise", "item"), pairs, ids=[f"{e.name}-{getattr(i, '__name__', i)}" for e, i in pairs]
    )


each = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)


def run_cell(source, exercise):
    namespace = {"torch": torch, "nn": nn, "F": F}
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
    assert set(ex.EXERCISES) >= {"convolution.conv2d", "start_here.shift_left_kernel"}
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
    assert exercise.stub_source.endswith("    return ...  # replace the dots with your code")
    assert exercise.judge(stub).status == "not attempted"
    assert exercise.judge(...).status == "not attempted"


@each
def test_the_solution_cell_passes(exercise):
    assert "@" not in exercise.solution_source.splitlines()[0]
    assert exercise.solution_source.startswith("def ")
    verdict = exercise.judge(run_cell(exercise.solution_source, exercise))
    assert (verdict.status, verdict.output) == ("passed", "")


@of(lambda exercise: [exercise.function, *exercise.rights])
def test_right_answers_pass_on_many_seeds(exercise, item):
    assert exercise.judge(item).status == "passed"
    for seed in SEEDS:
        verdict = exercise._verdict(item, seed)
        assert verdict.status == "passed", (seed, verdict.message)


@of(lambda exercise: [function for _, function in exercise.wrongs])
def test_wrong_answers_are_told_their_own_sentence_on_many_seeds(exercise, item):
    (sentence,) = [sentence for sentence, function in exercise.wrongs if function is item]
    assert exercise.judge(item).message.startswith(sentence)
    for seed in SEEDS:
        verdict = exercise._verdict(item, seed)
        assert verdict.status == "wrong", seed
        assert verdict.message.startswith(sentence), (seed, verdict.message)
        assert len(verdict.message) > len(sentence) + 10  # and where it shows


@each
def test_cases_differ_from_seed_to_seed_and_only_from_there(exercise):
    def seen(seed):
        return [exercise._observe(exercise.function, case).result for case in exercise._cases(seed)]

    assert seen(3) == seen(3)
    has_inputs = any(case.args or case.kwargs for case in exercise._cases(0))
    assert (seen(3) != seen(4)) == has_inputs


@each
def test_names_differ_in_size(exercise):
    """Nothing square and nothing single in the first case, so that swapped axes show."""
    for value in (*exercise._cases(0)[0].args, *exercise._cases(0)[0].kwargs.values()):
        if isinstance(value, torch.Tensor) and value.dim() >= 2:
            assert value.shape[0] > 1
            assert value.std() > 0.1
        if isinstance(value, torch.Tensor) and value.dim() == 4:
            assert len(set(value.shape[2:])) == 2


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


@of(lambda exercise: RESULT_MUTANTS)
def test_mutated_solutions_are_refused(exercise, item):
    def mutant(*args, **kwargs):
        return RESULT_MUTANTS[item](exercise.function(*args, **kwargs), args)

    cases = exercise._cases(0)
    try:
        same = all(
            torch.equal(
                *(torch.as_tensor(function(*case.args, **case.kwargs)) for function in (mutant, exercise.function))
            )
            for case in cases
        )
    except BaseException:
        same = False
    if same and item not in ("other number", "float16", "complex", "numpy"):
        return  # the change changes nothing here, such as a number transposed
    takes_any_number = exercise.name == "start_here.shift_left_kernel"  # says its contract
    for seed in (0, 1):
        verdict = exercise._verdict(mutant, seed)
        if takes_any_number and item in ("other number", "float16"):
            assert verdict.status == "passed"
        else:
            assert_told(verdict)
    assert exercise.judge(mutant) == engine.Verdict(**vars(exercise._verdict(mutant)))


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
    inputs = [v for v in (*exercise._cases(0)[0].args,) if isinstance(v, torch.Tensor)]
    if not inputs:
        return

    def mutant(*args, **kwargs):
        result = exercise.function(*args, **kwargs).detach()
        with torch.no_grad():
            args[0].reshape(-1)[0] += 0  # not a change
            args[0].view(-1)[0] += 1
        return result

    verdict = exercise.judge(mutant)
    assert_told(verdict)
    first = next(iter(exercise._named(exercise._cases(0)[0])))
    assert f"changes its input `{first}`" in verdict.message


@pytest.mark.parametrize("exercise", [e for e in EXERCISES if e.gradients], ids=lambda e: e.name)
def test_a_cut_gradient_is_refused(exercise):
    verdict = exercise.judge(lambda *args, **kwargs: exercise.function(*args, **kwargs).detach())
    assert_told(verdict)
    assert "carries no gradient" in verdict.message

    def half_cut(*args, **kwargs):
        args = list(args)
        args[1] = args[1].detach()
        return exercise.function(*args, **kwargs)

    assert "gradient" in exercise.judge(half_cut).message
    assert_told(exercise.judge(half_cut))


def test_dtype_is_kept_and_memory_may_have_gaps():
    def always_float32(x, kernel):
        return ex.convolution.convolve.function(x.float(), kernel.float())

    assert "should be float64, and yours is float32" in ex.convolution.convolve.judge(always_float32).message

    def views(x, kernel, row, col):
        x.view(-1)
        return ex.convolution.patch_sum.function(x, kernel, row, col)

    message = ex.convolution.patch_sum.judge(views).message
    assert "view size is not compatible" in message
    assert "not contiguous in memory" in message


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


def test_none_and_kinds_are_named():
    judge = ex.convolution.convolve.judge
    assert "forget `return`" in judge(lambda x, kernel: None).message
    assert "a list" in judge(lambda x, kernel: [[1.0]]).message
    assert "from_numpy" in judge(lambda x, kernel: x.numpy()).message
    assert "not `yield`" in judge(generator_like).message
    assert "was given a Tensor" in judge(torch.ones(1)).message
    assert "`convolve(x, kernel)`" in judge(lambda x: x).message
    assert "a class" in judge(nn.Conv2d).message
    assert ".item()" in ex.convolution.patch_sum.judge(lambda x, kernel, row, col: 0.5).message
    assert "whole number" in ex.convolution.count_parameters.judge(lambda *a, **k: 448.0).message


def generator_like(x, kernel):
    yield x


def test_an_unfinished_branch_is_told():
    def half(x, weight, bias=None):
        if bias is None:
            return ...
        return ex.convolution.conv2d.function(x, weight, bias)

    verdict = ex.convolution.conv2d.judge(half)
    assert verdict.status == "wrong"
    assert "the dots" in verdict.message


def test_numpy_whole_numbers_count_as_int():
    def count(in_channels, out_channels, kernel_size, bias=True):
        return torch.tensor(
            ex.convolution.count_parameters.function(in_channels, out_channels, kernel_size, bias)
        ).numpy()[()]

    assert ex.convolution.count_parameters.judge(count).status == "passed"


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


def test_hints_come_one_by_one(capsys):
    exercise = ex.convolution.kernel_gradient
    exercise._hints_given = 0
    for number in (1, 2, 3, 3):
        exercise.hint()
        text = capsys.readouterr().out
        assert f"Hint {number} of 3" in text
        assert exercise.hints[number - 1] in text
    assert "solution()" in text


def test_the_solution_waits_for_an_attempt(capsys):
    exercise = ex.convolution.grouped_conv2d
    exercise._attempted = False
    exercise.judge(run_cell(exercise.stub_source, exercise))
    exercise.solution()
    assert "def " not in capsys.readouterr().out
    exercise.solution(force=True)
    assert exercise.solution_source in capsys.readouterr().out
    exercise.judge(lambda x, weight, groups=1: x)
    exercise.solution()
    assert exercise.solution_source in capsys.readouterr().out


def test_check_says_the_status_in_words(capsys):
    check = ex.start_here.shift_left_kernel.check
    check(ex.start_here.shift_left_kernel.function)
    assert capsys.readouterr().out == "Passed: Move the picture. That is right.\n"
    check(lambda: ...)
    assert capsys.readouterr().out.startswith("Not attempted yet: Move the picture.")
    check(lambda: print("now here") or [[0, 0, 0], [1, 0, 0], [0, 0, 0]])
    text = capsys.readouterr().out
    assert text.startswith("Not right yet: Move the picture. This kernel moves the picture to the right")
    assert text.endswith("Your code printed:\nnow here\n\n")


def test_the_shown_html_is_safe(monkeypatch):
    shown = []
    monkeypatch.setattr(engine, "_display", lambda rich, plain, mime: shown.append((rich, plain, mime)))

    def answer():
        print("<script>alert(1)</script>")
        raise ValueError("<b>`x`</b>")

    ex.start_here.shift_left_kernel.check(answer)
    ((rich, plain, mime),) = shown
    assert mime == "text/html"
    assert "<script>" not in rich
    assert "<b>" not in rich
    assert "Not right yet" in rich
    assert "role='status'" in rich
    assert "ValueError: <b>" in plain
