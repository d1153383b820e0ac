"""Run a learner's code so that nothing it does can hurt the Jupyter kernel.

On Linux the work runs in a forked child, which is ended at the time limit. Elsewhere, and where a forked child cannot
use autograd (a GPU is present and `backward` has already run), it runs in a thread, which is asked to stop.
The thread cannot stop code that never comes back from C, such as `sum(range(10**15))`.
"""

import builtins
import contextlib
import ctypes
import faulthandler
import gc
import getpass
import io
import json
import linecache
import math
import operator
import os
import re
import select
import signal
import sys
import sysconfig
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType

import torch
from torch import nn
from torch.nn import functional

_PRINT_LIMIT = 2000  # bytes of what the learner's code prints
_MEMORY = 4 * 2**30  # bytes that the learner's code may add to the process
_NO_AUTOGRAD = 77  # exit code of a child in which autograd cannot run
_PATCHABLE = (builtins, math, torch, nn, functional, torch.linalg, torch.autograd, torch.Tensor, nn.Module)
_NOT_THE_LEARNERS = tuple(
    os.path.normcase(os.path.realpath(folder)) + os.sep
    for folder in (
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        os.path.dirname(torch.__file__),
        os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
    )
)
_end_process, _abort, _set_num_threads = os._exit, os.abort, torch.set_num_threads
_inside = threading.local()  # .now is True where a learner's code is being judged
_streams: list[tuple["_Printed", "_Capped"]] = []  # where prints go while a learner's code is being judged
_abandoned: list[threading.Thread] = []  # threads that could not be stopped


class Stopped(BaseException):
    """Raised inside the learner's code when its time is over. Whoever catches everything must let it pass."""


@dataclass(frozen=True)
class Ended:
    """How the work ended: its result, or None and one sentence that says why there is none."""

    result: dict | None
    reason: str = ""
    printed: str = ""


def run(work: Callable[[], dict], limit: float) -> Ended:
    """Do `work` apart from this process's state and return what came of it, at most about a second after `limit`.

    Args:
        work: takes nothing, returns a dict that JSON can hold.
        limit: seconds.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # no more processes, or none allowed
            ended = _in_child(work, limit)
            if ended is not None:
                return ended
    return _in_thread(work, limit)


def inside() -> bool:
    """Return whether this is called from code that is being judged."""
    return getattr(_inside, "now", False)


def next_case() -> None:
    """Say that the learner's code meets another case: what it prints is kept for the first that prints."""
    for out, capped in _streams[-1:]:
        with contextlib.suppress(ValueError):
            out.flush()
        capped.case += 1


@contextlib.contextmanager
def _as_new() -> Iterator[None]:
    """Work as in a new Jupyter kernel: with gradients, in float32, on the CPU."""
    with restored(), torch.inference_mode(False), torch.enable_grad():
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
        yield


@contextlib.contextmanager
def restored() -> Iterator[None]:
    """Put back what code may change in torch: functions, random state, gradient mode, defaults and threads."""
    saved = [(owner, dict(vars(owner))) for owner in _PATCHABLE]
    random, dtype, threads = torch.get_rng_state(), torch.get_default_dtype(), torch.get_num_threads()
    grad, deterministic = torch.is_grad_enabled(), torch.are_deterministic_algorithms_enabled()
    device = torch.get_default_device()
    try:
        yield
    finally:
        if threading.current_thread() in _abandoned:  # its time is long over: touch nothing
            raise Stopped
        for owner, names in saved:
            now = vars(owner)
            if _alike(now, names):
                continue
            for name, value in names.items():
                if now.get(name, saved) is not value:
                    setattr(owner, name, value)
            if isinstance(owner, type):  # a new name may hide an inherited one; modules load new names on their own
                for name in set(now) - set(names):
                    delattr(owner, name)
        torch.set_rng_state(random)
        torch.set_grad_enabled(grad)
        if torch.are_deterministic_algorithms_enabled() != deterministic:
            torch.use_deterministic_algorithms(deterministic)
        if torch.get_default_dtype() != dtype:
            torch.set_default_dtype(dtype)
        if torch.get_default_device() != device:
            torch.set_default_device(None if device.type == "cpu" else device)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)


def _alike(now: Mapping[str, object], before: Mapping[str, object]) -> bool:
    """Return whether both hold the very same objects by the same names, without asking any object."""
    same = len(now) == len(before) and all(map(operator.is_, now, before))
    return same and all(map(operator.is_, now.values(), before.values()))


def line_of_error(trace: TracebackType | None) -> str:
    """Return " at line 3 of your cell (`code`)" for the learner's innermost line, or "" when there is none."""
    return _line(reversed([(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(trace)]))


def _line(frames: Iterable[tuple[str, int]]) -> str:
    """Return where the first of the learner's frames stands, innermost frame first."""
    for name, number in frames:
        real = os.path.normcase(os.path.realpath(name))
        code = linecache.getline(name, number).strip()
        if not code or name == "<string>" or name.startswith("<frozen") or real.startswith(_NOT_THE_LEARNERS):
            continue  # text given to exec has lines that nobody can look up
        place = os.path.basename(name) if os.path.isfile(name) and "ipykernel_" not in name else "your cell"
        return f" at line {number} of {place} (`{code[:100]}`)"
    return ""


def _too_slow(limit: float, where: str) -> str:
    return (
        f"Your code was still running{where} after {limit:g} seconds, and was stopped: does every loop come to an end?"
    )


class _Capped(io.RawIOBase):
    """A file that passes on the first bytes of the first case that prints, swallows the rest and counts the cases."""

    def __init__(self, sink: Callable[[bytes], object]):
        self._sink, self._room, self._last = sink, _PRINT_LIMIT, b""
        self.case, self._printed = 0, []

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        if self.case not in self._printed:
            self._printed.append(self.case)
        if self._room > 0 and self.case == self._printed[0]:
            head = bytes(data[: self._room])
            self._room -= len(head)
            self._sink(head)
            self._last = head[-1:]
        return len(data)

    def tell_the_rest(self) -> None:
        more = len(self._printed) - 1
        if more > 0:
            start = "" if self._last == b"\n" else "\n"
            self._sink(f"{start}(and in {more} more case{'s' * (more > 1)})\n".encode())


class _Printed(io.TextIOWrapper):
    """A standard output that closing does not close."""

    def close(self) -> None:
        self.flush()


class _NoInput(io.TextIOBase):
    """A standard input that answers with a sentence."""

    def readable(self) -> bool:
        return True

    def readline(self, *_):
        raise RuntimeError("a check cannot wait for input(): use the function's arguments")

    read = __next__ = readline


@contextlib.contextmanager
def _quiet(sink: Callable[[bytes], object]) -> Iterator[None]:
    """Send prints to `sink`, refuse input, and keep code from ending Python."""

    def no_input(*_args, **_kwargs):
        return sys.stdin.readline()

    here = os.getpid()

    def not_here(end):
        def no_end(*status):
            if os.getpid() != here:  # a process that the learner's code started may end itself
                end(*status)
            raise SystemExit("a check cannot end Python: return the result")

        return no_end

    capped = _Capped(sink)
    out = _Printed(io.BufferedWriter(capped), "utf-8", "replace", line_buffering=True)
    replaced = [
        (sys, "stdout", out),
        (sys, "stderr", out),
        (sys, "stdin", _NoInput()),
        (builtins, "input", no_input),
        (getpass, "getpass", no_input),
        (os, "_exit", not_here(_end_process)),
        (os, "abort", not_here(_abort)),
        (torch, "set_num_threads", lambda *_: None),  # a forked child has no OpenMP threads and would wait for them
        (threading, "excepthook", lambda _: None),
    ]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in replaced]
    for owner, name, value in replaced:
        setattr(owner, name, value)
    _streams.append((out, capped))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)
        _streams.remove((out, capped))
        with contextlib.suppress(ValueError):
            out.flush()
        capped.tell_the_rest()


def _in_child(work: Callable[[], dict], limit: float) -> Ended | None:
    """Fork, work in the child, and return None when autograd cannot run there."""
    answer, to_parent = os.pipe()
    printed, frames = os.memfd_create("printed"), os.memfd_create("frames")
    parent, child = os.getpid(), 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of threads; see _child
            child = os.fork()
        if child == 0:
            _child(work, limit, parent, to_parent, printed, frames)
        os.close(to_parent)
        text = _read_line(answer, time.monotonic() + limit + 0.7)
        status = _end(child)
        if b"\n" in text:
            reason, result = "", json.loads(text.partition(b"\n")[0])  # a fork of the learner's answers too
        elif os.WIFEXITED(status) and os.WEXITSTATUS(status) == _NO_AUTOGRAD:
            return None
        else:
            reason, result = _why(status, os.pread(frames, 100_000, 0).decode("utf-8", "replace"), limit), None
        return Ended(result, reason, os.pread(printed, _PRINT_LIMIT + 100, 0).decode("utf-8", "replace"))
    finally:
        if child:
            _end(child)
        for descriptor in (answer, printed, frames):
            os.close(descriptor)


def _child(work: Callable[[], dict], limit: float, parent: int, to_parent: int, printed: int, frames: int) -> None:
    """Work, answer through the pipe, and end without any of the parent's clean-up. Never returns."""
    try:
        os.setpgid(0, 0)
        _end_with(parent)
        signal.set_wakeup_fd(-1)
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, signal.SIG_DFL)
        faulthandler.enable(frames)
        faulthandler.dump_traceback_later(limit, exit=True, file=frames)  # works while C code holds the GIL
        nothing = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(nothing, standard)
        _cap_memory()
        gc.freeze()
        torch.set_num_threads(1)  # the parent's OpenMP threads do not exist here
        _inside.now = True
        with _as_new():
            try:
                torch.ones(1, requires_grad=True).sum().backward()
            except RuntimeError:
                _end_process(_NO_AUTOGRAD)
            with _quiet(lambda data: os.write(printed, data)):
                result = work()
        data = json.dumps(result).encode() + b"\n"
        while data:
            data = data[os.write(to_parent, data) :]
    finally:
        _end_process(0)


def _end_with(parent: int) -> None:
    """Let the system end this child when its parent is gone."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1 is PR_SET_PDEATHSIG
    if os.getppid() != parent:
        _end_process(0)


def _cap_memory() -> None:
    """Let a huge allocation fail here, and let the system end this child before the Jupyter kernel."""
    import resource

    with contextlib.suppress(OSError, ValueError, IndexError):
        with open("/proc/self/oom_score_adj", "w") as score:
            score.write("1000")
        with open("/proc/self/statm") as sizes:
            cap = int(sizes.read().split()[5]) * resource.getpagesize() + _MEMORY
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (cap if hard == resource.RLIM_INFINITY else min(cap, hard), hard))


def _read_line(descriptor: int, deadline: float) -> bytes:
    """Read up to a newline, the end of the pipe or the deadline."""
    poll, text = select.poll(), b""
    poll.register(descriptor, select.POLLIN)
    while b"\n" not in text:
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            break
        piece = os.read(descriptor, 65536)
        if not piece:
            break
        text += piece
    return text


def _end(child: int) -> int:
    """End the child and what it started, and return its wait status (0 when it is gone already)."""
    try:
        soon = time.monotonic() + 0.2  # it has answered or closed its pipe: let it end by itself
        while not os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) and time.monotonic() < soon:
            time.sleep(0.001)
        for kill in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError):
                kill(child, signal.SIGKILL)
        return os.waitpid(child, 0)[1]
    except ChildProcessError:
        return 0


def _why(status: int, dump: str, limit: float) -> str:
    where = _line((name, int(number)) for name, number in re.findall(r'File "(.*)", line (\d+) in ', dump))
    if dump.startswith("Timeout"):
        return _too_slow(limit, where)
    if not os.WIFSIGNALED(status):
        return "Your code ended Python itself before there was a result: leave out what ends the program."
    if os.WTERMSIG(status) != signal.SIGKILL:
        name = signal.Signals(os.WTERMSIG(status)).name
        return f"Python crashed{where} ({name}) while your code ran: does a function call itself without end?"
    return "Python was ended while your code ran, probably because memory ran out: does the code build something huge?"


def _in_thread(work: Callable[[], dict], limit: float) -> Ended:
    printed, done = bytearray(), []

    def target():
        _inside.now = True
        with contextlib.suppress(Stopped), _as_new():
            done.append(work())

    with restored(), _quiet(printed.extend):
        _set_num_threads(1)
        thread = threading.Thread(target=target, daemon=True)
        thread.start()
        thread.join(limit)
        where = _stop(thread) if thread.is_alive() else ""
    text = bytes(printed).decode("utf-8", "replace")
    if done:
        return Ended(done[0], "", text)
    stuck = ""
    if thread.is_alive():
        _abandoned.append(thread)
        stuck = " It could not be stopped: restart the Jupyter kernel."
    return Ended(None, _too_slow(limit, where) + stuck, text)


def _stop(thread: threading.Thread) -> str:
    """Raise Stopped in the thread until it ends, for a second at most, and return where it was."""
    frame = sys._current_frames().get(thread.ident)
    where = _line((f.f_code.co_filename, number) for f, number in traceback.walk_stack(frame)) if frame else ""
    give_up = time.monotonic() + 1.0
    while thread.is_alive() and time.monotonic() < give_up:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(Stopped))
        thread.join(0.05)  # time to leave, before it is asked again
    return where
