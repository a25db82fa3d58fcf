"""Code that does not end is stopped: while it runs, its own instructions are counted."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

MOST = 20_000_000  # instructions of Python's: some seconds, and many times what a right answer runs


class Endless(Exception):  # noqa: N818 - it stops a loop, and is no fault of ours
    """More has been run, or called, than by any code that ends."""


@contextmanager
def patience(function: Callable, *, most: int = MOST) -> Iterator[None]:
    """Raise Endless in the code of a function's file, or notebook, once it has run more instructions than `most`."""
    own, run = getattr(function, "__globals__", None), 0

    def instruction(frame: FrameType, event: str, argument: object) -> Callable:
        nonlocal run
        run += 1
        if run > most:
            raise Endless
        return instruction

    def call(frame: FrameType, event: str, argument: object) -> Callable | None:
        if frame.f_globals is not own:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False  # `while True: pass` is one line, begun once
        return instruction

    before = sys.gettrace()
    sys.settrace(call)
    try:
        yield
    finally:
        sys.settrace(before)
