"""Whatever a learner's code does, a sentence comes back within ten seconds and the Jupyter kernel lives on."""

import inspect
import os
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest
import torch
from nbclient import NotebookClient

from helpers import exercises as ex
from helpers.exercises import engine, sandbox

linux = pytest.mark.skipif(sys.platform != "linux", reason="a forked child is used on Linux alone")
PROMISE = 10.0  # seconds


@pytest.fixture(params=[pytest.param("child", marks=linux), "thread"])
def way(request, monkeypatch):
    """Run with a short limit, in a forked child and in a thread."""
    monkeypatch.setattr(engine, "LIMIT", 1.5)
    if request.param == "thread":
        monkeypatch.setattr(sandbox, "_in_child", lambda work, limit: None)
    return request.param


def endless(x, kernel):
    while True:
        pass


def sleeps(x, kernel):
    for _ in range(1000):
        time.sleep(0.01 if sys.platform == "win32" else 1)


def swallows(x, kernel):
    end = time.monotonic() + 6  # an abandoned thread should not slow the tests that follow
    while time.monotonic() < end:
        try:
            while time.monotonic() < end:
                pass
        except BaseException:
            pass


def deep(x, kernel):
    return deep(x, kernel) + 1


def in_c(x, kernel):
    return sum(range(10**15))


def judge(answer):
    started = time.monotonic()
    verdict = ex.convolution.convolve.judge(answer)
    assert time.monotonic() - started < PROMISE
    assert verdict.status == "wrong"
    assert "Traceback" not in verdict.message
    return verdict


def line_of(function, text):
    lines, first = inspect.getsourcelines(function)
    return first + next(i for i, line in enumerate(lines) if text in line)


def test_an_endless_loop_is_stopped_at_its_line(way):
    message = judge(endless).message
    assert "still running" in message
    here = line_of(endless, "while")
    assert any(f"at line {n} of test_sandbox.py" in message for n in (here, here + 1))
    assert "restart" not in message  # it did stop


def test_a_long_sleep_is_stopped(way):
    assert "`time.sleep(" in judge(sleeps).message


def test_a_loop_that_swallows_everything_is_given_up(way):
    assert "still running" in judge(swallows).message


def test_a_thread_stuck_in_c_is_abandoned_and_said_so(way):
    message = judge(lambda x, kernel: time.sleep(5)).message
    assert "still running" in message
    assert ("restart the Jupyter kernel" in message) == (way == "thread")


def test_an_exception_names_type_message_and_line(way):
    def broken(x, kernel):
        y = x
        return y[99, 0]  # too far

    message = judge(broken).message
    assert "IndexError: index 99 is out of bounds" in message
    assert f"at line {line_of(broken, 'too far')} of test_sandbox.py (`return y[99, 0]  # too far`)" in message


def test_deep_recursion(way):
    assert "RecursionError" in judge(deep).message


def test_prints_are_kept_and_capped(way):
    def chatty(x, kernel):
        for i in range(2000):
            print("line", i)
        print("to stderr", file=sys.stderr)
        return x

    verdict = judge(chatty)
    assert verdict.output.startswith("line 0\nline 1\n")
    assert len(verdict.output) <= 2100
    assert verdict.output.endswith(" more cases)\n")


def test_prints_of_one_case_are_shown(way):
    def chatty(x, kernel):
        print(tuple(x.shape), end="")
        return ex.convolution.convolve.function(x, kernel)

    verdict = ex.convolution.convolve.judge(chatty)
    cases = ex.convolution.convolve._cases(0)
    assert verdict.output == f"{tuple(cases[0].args[0].shape)}\n(and in {len(cases) - 1} more cases)\n"

    def once(x, kernel):
        if len(x) == 5:
            print("five rows")
        return ex.convolution.convolve.function(x, kernel)

    assert ex.convolution.convolve.judge(once).output == "five rows\n(and in 2 more cases)\n"


def test_the_gradient_mode_of_the_notebook_does_not_matter(way):
    pids = []

    def answer(x, kernel):
        print(os.getpid())
        pids.append(1)
        return ex.convolution.convolve.function(x, kernel)

    def cut(x, kernel):
        return answer(x, kernel).detach()

    for mode in (torch.no_grad, torch.inference_mode, lambda: torch.set_grad_enabled(False)):
        with mode():
            verdict = ex.convolution.convolve.judge(answer)
            assert "carries no gradient" in ex.convolution.convolve.judge(cut).message
            assert not torch.is_grad_enabled()
        assert verdict.status == "passed"
        assert (verdict.output.split("\n")[0] == str(os.getpid())) == (way == "thread")


def test_a_check_inside_its_function_is_told(way):
    def indented(x, kernel):
        ex.convolution.convolve.check(indented)
        return ex.convolution.convolve.function(x, kernel)

    started = time.monotonic()
    assert judge(indented).message.startswith("Leave the check line out of the function")
    assert time.monotonic() - started < engine.LIMIT  # it answers, and is not stopped
    assert ex.convolution.convolve.judge(ex.convolution.convolve.function).status == "passed"


def test_the_number_of_threads_stays(way):
    def answer(x, kernel):
        torch.set_num_threads(2)
        big = torch.ones(400, 400)
        return ex.convolution.convolve.function(x, kernel) + 0 * (big @ big).sum().to(x.dtype)

    assert ex.convolution.convolve.judge(answer).status == "passed"


def test_lines_of_text_given_to_exec_are_not_claimed(way):
    def answer(x, kernel):
        exec("y = 1\nz = 1 / 0")

    message = judge(answer).message
    assert f"at line {line_of(answer, 'exec(')} of test_sandbox.py" in message
    namespace = {}
    exec("def answer(x, kernel):\n    return 1 / 0", namespace)
    assert "Your code stopped with ZeroDivisionError" in judge(namespace["answer"]).message


def test_input_is_refused(way):
    for ask in (
        lambda x, kernel: input("?"),
        lambda x, kernel: sys.stdin.readline(),
        lambda x, kernel: sys.stdin.read(),
    ):
        assert "cannot wait for input()" in judge(ask).message


def test_closing_stdout(way):
    def closes(x, kernel):
        sys.stdout.close()
        print("still here")
        return ex.convolution.convolve.function(x, kernel)

    verdict = ex.convolution.convolve.judge(closes)
    assert verdict.status == "passed"
    assert "still here" in verdict.output
    print("and the tests print too")


@pytest.mark.parametrize("end", [lambda *_: sys.exit(0), lambda *_: os._exit(0), lambda *_: exit()])
def test_ending_python_is_refused(way, end):
    assert "SystemExit" in judge(end).message


def test_patched_torch_neither_passes_nor_survives(way):
    def cheats(x, kernel):
        torch.Tensor.tolist = torch.allclose = torch.equal = torch.Tensor.__eq__ = lambda *args, **kwargs: True
        torch.Tensor.sum = lambda self, *args, **kwargs: 0 * self
        return torch.zeros(x.shape[0] - kernel.shape[0] + 1, x.shape[1] - kernel.shape[1] + 1)

    before = (torch.Tensor.tolist, torch.equal, torch.Tensor.sum)
    judge(cheats)
    assert (torch.Tensor.tolist, torch.equal, torch.Tensor.sum) == before
    assert ex.convolution.convolve.judge(ex.convolution.convolve.function).status == "passed"


def test_memory_that_is_not_there(way):
    assert "not enough memory" in judge(lambda x, kernel: torch.zeros(2**46)).message
    assert "not enough memory" in judge(lambda x, kernel: [0] * 2**50).message


def test_streams_are_given_back(way):
    import builtins

    before = (sys.stdout, sys.stderr, sys.stdin, builtins.input, os._exit)
    judge(endless)
    assert (sys.stdout, sys.stderr, sys.stdin, builtins.input, os._exit) == before


@linux
class TestChild:
    @pytest.fixture(autouse=True)
    def short(self, monkeypatch):
        monkeypatch.setattr(engine, "LIMIT", 1.5)

    def test_code_that_never_leaves_c(self):
        message = judge(in_c).message
        assert f"at line {line_of(in_c, 'sum(')} of test_sandbox.py (`return sum(range(10**15))`)" in message

    def test_a_memory_hog_ends_in_a_sentence(self, monkeypatch):
        monkeypatch.setattr(sandbox, "_MEMORY", 300 * 2**20)
        monkeypatch.setattr(engine, "LIMIT", 6.0)

        def hog(x, kernel):
            kept = []
            while True:
                kept.append(torch.ones(10**7))

        assert "not enough memory" in judge(hog).message

    def test_ended_from_inside(self):
        import posix

        assert "ended Python itself" in judge(lambda x, kernel: posix._exit(0)).message

    def test_killed(self):
        import signal

        assert "memory ran out" in judge(lambda x, kernel: os.kill(os.getpid(), signal.SIGKILL)).message

    def test_crashed(self):
        import ctypes

        message = judge(lambda x, kernel: ctypes.string_at(0)).message
        assert "Python crashed at line" in message
        assert "SIGSEGV" in message

    def test_all_files_closed(self):
        judge(lambda x, kernel: os.closerange(0, 200))

    def test_no_process_and_no_file_is_left(self, tmp_path):
        def starts_another(x, kernel):
            import subprocess

            started = subprocess.Popen(["sleep", "300"])
            (tmp_path / "pid").write_text(str(started.pid))
            while True:
                pass

        judge(starts_another)
        files, children = len(os.listdir("/proc/self/fd")), psutil.Process().children()
        judge(starts_another)
        assert len(os.listdir("/proc/self/fd")) == files
        assert psutil.Process().children() == children
        process = Path("/proc") / (tmp_path / "pid").read_text() / "stat"
        patience = time.monotonic() + 10
        while process.exists() and process.read_text().split()[2] not in "ZX":
            assert time.monotonic() < patience
            time.sleep(0.05)

    def test_the_child_ends_with_its_parent(self, tmp_path):
        """The parent is ended while it waits; what it started must not live on."""

        def waits(x, kernel):
            (tmp_path / "pid").write_text(str(os.getpid()))
            time.sleep(60)

        parent = os.fork()
        if parent == 0:
            engine.LIMIT = 60.0
            ex.convolution.convolve.judge(waits)
            os._exit(0)
        patience = time.monotonic() + 10
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            assert time.monotonic() < patience
            time.sleep(0.01)
        os.kill(parent, 9)
        os.waitpid(parent, 0)
        process = Path("/proc") / (tmp_path / "pid").read_text() / "stat"
        while process.exists() and process.read_text().split()[2] not in "ZX":
            assert time.monotonic() < patience
            time.sleep(0.01)

    def test_processes_of_the_learner_may_end_themselves(self):
        def loads(x, kernel):
            loaded = torch.utils.data.DataLoader([1.0, 2.0], num_workers=1)
            assert len(list(loaded)) == 2
            return ex.convolution.convolve.function(x, kernel)

        def forks(x, kernel):
            child = os.fork()
            if child == 0:
                os._exit(3)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
            return ex.convolution.convolve.function(x, kernel)

        engine.LIMIT = 60.0  # a DataLoader's process takes seconds to begin on a busy machine
        for answer in (forks, loads):
            verdict = ex.convolution.convolve.judge(answer)
            assert verdict.status == "passed", verdict.message

    def test_an_answer_that_forks(self):
        def forks(x, kernel, forked=[]):  # noqa: B006
            if not forked:
                forked.append(os.fork())
            return ex.convolution.convolve.function(x, kernel)

        assert ex.convolution.convolve.judge(forks).status == "passed"

    def test_the_real_limit_keeps_the_promise(self, monkeypatch):
        monkeypatch.undo()
        assert engine.LIMIT > 5
        assert "after 8 seconds" in judge(in_c).message

    def test_without_autograd_in_the_child_the_thread_takes_over(self, monkeypatch):
        parent = os.getpid()
        real = torch.Tensor.backward

        def refuse(self, *args, **kwargs):
            if os.getpid() != parent:
                raise RuntimeError("Unable to handle autograd's threading in combination with fork")
            return real(self, *args, **kwargs)

        monkeypatch.setattr(torch.Tensor, "backward", refuse)
        seen = []

        def answer(x, kernel):
            seen.append(1)
            return ex.convolution.convolve.function(x, kernel)

        assert ex.convolution.convolve.judge(answer).status == "passed"
        assert seen  # it ran in this process

    def test_no_fork_allowed(self, monkeypatch):
        def refuse():
            raise BlockingIOError("no more processes")

        monkeypatch.setattr(os, "fork", refuse)
        assert ex.convolution.convolve.judge(ex.convolution.convolve.function).status == "passed"

    def test_an_interrupt_of_the_learner_ends_the_child(self, monkeypatch):
        def interrupted(*args):
            raise KeyboardInterrupt

        monkeypatch.setattr(sandbox, "_read_line", interrupted)
        children = psutil.Process().children()
        with pytest.raises(KeyboardInterrupt):
            ex.convolution.convolve.judge(endless)
        assert psutil.Process().children() == children


SET_UP = """
import os, sys, time, torch
from helpers import exercises as ex
from helpers.exercises import engine
engine.LIMIT = 1.5
x = torch.randn(50, 50, requires_grad=True); (x @ x).sum().backward()  # threads and autograd have run
def check(answer):
    started = time.monotonic()
    ex.convolution.convolve.check(answer)
    assert time.monotonic() - started < 10
"""
HOSTILE = {
    "while True: pass": "line 2 of your cell (`while True: pass`)",
    "time.sleep(1000)": "line 2 of your cell (`time.sleep(1000)`)",
    "sum(range(10**15))": "line 2 of your cell (`sum(range(10**15))`)",
    "return answer(x, kernel)": "RecursionError",
    "for i in range(10**7): print(i)": "Your code printed:\n0\n1\n",
    "__import__('posix')._exit(0)": "ended Python itself",
    "os._exit(0)": "cannot end Python",
    "input('?')": "cannot wait for input()",
    "sys.stdout.close(); return print('x')": "forget `return`",
    "x += 1; return x": "Not right yet",
    "from IPython.display import display; display(x); %s": "SyntaxError",
    "torch.Tensor.tolist = lambda *a: 1; return x": "Not right yet",
    "return x[1000]": "at line 2 of your cell (`return x[1000]`) with IndexError",
}


@linux
def test_a_real_jupyter_kernel_stays_alive(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.delenv("WORKBOOK_PROGRESS", raising=False)
    lines = [line for line in HOSTILE if "%s" not in line]
    lines.append("from IPython.display import display; display(3); return x")
    cells = [nbformat.v4.new_code_cell(SET_UP)]
    for line in lines:
        cells.append(nbformat.v4.new_code_cell(f"def answer(x, kernel):\n    {line}"))
        cells.append(nbformat.v4.new_code_cell("check(answer)"))
    cells.append(nbformat.v4.new_code_cell("check(ex.convolution.convolve.function)"))
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    for line, cell in zip([*lines, "the solution"], notebook.cells[2::2] + notebook.cells[-1:], strict=False):
        (output,) = cell.outputs
        text = output["data"]["text/plain"]
        if line == "the solution":
            assert text.startswith("Passed: ")
        else:
            assert text.startswith("Not right yet: "), line
            assert HOSTILE.get(line, "Not right yet") in text, (line, text)
            assert "role='status'" in output["data"]["text/html"]
