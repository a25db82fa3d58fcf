"""What runs in a student's own process: their code is loaded and called on what the judge sends.

Nothing is judged here, since whoever writes code here could change the judgement.
"""

import ast
import builtins
import inspect
import os
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import NamedTuple

import torch
from matplotlib import pyplot  # before the folders are shut in which it keeps fonts and styles

from course_lib.classroom.exercises import loop_trace, ppo_loop, ppo_watch
from course_lib.classroom.exercises.check import KNOWN
from course_lib.classroom.exercises.exercise import Exercise
from course_lib.classroom.exercises.loops import Loop
from course_lib.classroom.exercises.patience import Endless
from course_lib.classroom.exercises.ppo_trace import Weights
from course_lib.publish.results.calls import Call, make
from course_lib.publish.results.confine import Refused, confine, silence
from course_lib.publish.results.handed_in import LIBRARY_FILE
from course_lib.publish.results.wire import Gone, Line, pack, unpack
from course_lib.training import ppo
from course_lib.training.own_equations import is_ours, said

TAKEN = "this function of the course is the one to be written"


class Ours(Exception):  # noqa: N818
    """A function of the library was called that was to be written."""


def taken(*_: object, **__: object) -> None:
    """Stands in for such a function; its code runs in another module, which has Python's own names alone."""
    raise LookupError("this function of the course is the one to be written")


class Written(NamedTuple):
    """A function of the student's and the file that it stands in."""

    function: Callable
    file: str


def serve(end: socket.socket, folder: Path) -> None:
    """Answer the judge's messages until it hangs up."""
    silence(end)
    os.chdir(folder)
    os.environ.clear()  # it may hold what is nobody's business
    os.environ |= {"HOME": str(folder), "TMPDIR": str(folder), "PATH": os.defpath}
    pyplot.switch_backend("agg")  # no window, of which there is none
    torch.set_num_threads(1)
    line = Line(end)
    line.send({"missing": confine(folder)})
    pupil = Pupil(folder)
    with suppress(Gone):
        while True:
            line.send(pupil.answer(line.receive()))


class Pupil:
    """A student's functions, loaded once, and what can be asked of them."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.functions: dict[str, Written] = {}
        self.texts: dict[str, str] = {}

    def answer(self, message: dict) -> dict:
        """Do what a message asks for; what the student's code raises is an answer too."""
        ask = {each.__name__: each for each in (self.load, self.calls, self.call, self.loop, self.apart, self.without)}
        try:
            return ask[message.pop("ask")](**message)
        except BaseException as error:
            return {"error": self.told(error), "trace": trace_of(error)}

    def load(self, sources: list[list[str]]) -> dict:
        """Run the sources, a statement at a time, and say which exercises they have a function for."""
        problems = []
        sys.path.insert(0, str(self.folder))
        for file, text in sources:
            self.texts[file] = text
            namespace = self.run(file, text, problems)
            for name in KNOWN:
                for own in (f"my_{name}", name):
                    value = namespace.get(own)
                    if callable(value) and not is_ours(value):
                        self.functions.setdefault(name, Written(value, file))
                        break
        return {"has": {name: [written.file, own_name(written)] for name, written in self.functions.items()}} | {
            "problems": problems
        }

    def run(self, file: str, text: str, problems: list[str]) -> dict:
        """Run a text as a module of its file's name; a statement that fails is told, and the next one is run."""
        module = ModuleType(Path(file).stem)
        if file == LIBRARY_FILE:
            sys.modules[module.__name__] = module  # notebooks import from it
        for node in ast.parse(text).body:
            try:
                exec(compile(ast.Module([node], []), file, "exec"), vars(module))
            except BaseException as error:
                problems.append(f"{file}, line {node.lineno}, stops with {said(error)}.")
        return vars(module)

    def calls(self, name: str, calls: list) -> dict:
        """Make some calls of a function, and give for each what came, or what it raised."""
        return {"answers": [self.answer({"ask": "call", "name": name, "call": call}) for call in calls]}

    def call(self, name: str, call: dict) -> dict:
        """Make one call of a function."""
        return {"came": pack(tuple(make(self.functions[name].function, Call(*unpack(call)))))}

    def loop(self, name: str, seed: int, drawn: int) -> dict:
        """Let a training loop run, watched, and give what was seen."""
        function = self.functions[name].function
        if name == "train_ppo":
            return {"trace": packed_trace(ppo_watch.run(function, seed=seed, drawn=drawn))}
        exercise = KNOWN[name]
        trace = loop_trace.run(function, exercise.loss, rated=exercise.rated, seed=seed, drawn=drawn)
        return {"trace": packed_trace(trace)}

    def apart(self, drawn: int) -> dict:
        """Let the PPO loop train on the enumerated language, and give the probability of each of its texts."""
        policy = ppo_loop.trained(self.functions["train_ppo"].function, drawn=drawn)
        return {"probabilities": pack(ppo_loop.text_probabilities(policy))}

    def without(self, name: str, then: dict) -> dict:
        """Answer another message while the library's own function is taken away, wherever it is kept.

        Where its code runs all the same, in a function that was made of it, the answer is as if it had stopped.
        """
        exercise = KNOWN[name]
        functions = [exercise.reference] if isinstance(exercise, Exercise | Loop) else [exercise, ppo.train]
        codes, instead = [function.__code__ for function in functions], inspect.unwrap(taken).__code__
        watch, ran = watch_for([inspect.unwrap(function).__code__ for function in functions])
        for function, code in zip(functions, codes, strict=True):
            function.__code__ = instead.replace(co_freevars=code.co_freevars)  # as many as a wrapper has
        sys.setprofile(watch)
        try:
            answer = self.answer(then)
        finally:
            sys.setprofile(None)
            for function, code in zip(functions, codes, strict=True):
                function.__code__ = code
        return {"error": self.told(LookupError(TAKEN))} if ran else answer

    def told(self, error: BaseException) -> dict:
        """An error by its kind, its words, and the line of the student's that it came through."""
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in self.texts]
        lines = self.texts[frames[-1].filename].splitlines() if frames else []
        line = lines[frames[-1].lineno - 1].strip() if frames and frames[-1].lineno <= len(lines) else ""
        kind = Ours.__name__ if str(error) == TAKEN else builtin_kind(error)
        words = {"name": type(error).__name__[:60], "says": str(error)[:500], "line": line[:200]}
        return {"kind": kind, "in_loss": getattr(error, "in_loss", False) is True} | words


def watch_for(codes: list[CodeType]) -> tuple[Callable, list[str]]:
    """What sys.setprofile takes to note when one of these codes runs, and where it notes that."""
    places, ran = {(code.co_filename, code.co_name) for code in codes}, []

    def watch(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and (frame.f_code.co_filename, frame.f_code.co_name) in places:
            ran.append(frame.f_code.co_name)

    return watch, ran


def own_name(written: Written) -> str:
    """The name that a function was defined under."""
    return str(getattr(written.function, "__name__", ""))[:80]


def builtin_kind(error: BaseException) -> str:
    """The nearest class of an error that the judge knows: Python's own, or what this process raises itself."""
    if isinstance(error, Refused | Endless):
        return type(error).__name__
    return next(kind.__name__ for kind in type(error).__mro__ if getattr(builtins, kind.__name__, None) is kind)


def trace_of(error: BaseException) -> object:
    """What a loop had done when it stopped; None of anything else."""
    trace = getattr(error, "trace", None)
    return packed_trace(trace) if trace is not None else None


def packed_trace(trace: object) -> object:
    """A trace as it can be sent: of models their weights."""
    if isinstance(trace, loop_trace.Trace):
        return pack(replace(trace, owners={}))
    models = {
        name: Weights(model.logits, model.values)
        for name in ("policy", "reference")
        for model in [getattr(trace, name)]
    }
    return pack(replace(trace, **models))
