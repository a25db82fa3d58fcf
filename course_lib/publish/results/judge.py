"""A student's functions, judged: their code runs in a process of its own, what comes of it is compared in this one."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from course_lib.classroom.exercises.check import KNOWN
from course_lib.classroom.exercises.draws import drawn
from course_lib.classroom.exercises.exercise import Exercise
from course_lib.classroom.exercises.loops import Loop, loop_verdict
from course_lib.classroom.exercises.ppo_loop import ppo_verdict, variation
from course_lib.classroom.exercises.trials import difference, results
from course_lib.classroom.exercises.verdict import verdict
from course_lib.publish.results.calls import Answer, Call, StandIn, remembered, to_be_made
from course_lib.publish.results.heard import mistake_in, raise_from, why
from course_lib.publish.results.likeness import CALLED, COPIED, is_copied, reaches_for
from course_lib.publish.results.nursery import Nursery
from course_lib.publish.results.pupil import Ours
from course_lib.publish.results.sources import Source, function_source
from course_lib.publish.results.wire import Gone, Late, Line, pack, unpack

# for the answer to each kind of message: long enough for right functions on a machine with other work
SECONDS = {"calls": 10.0, "without": 30.0, "load": 15.0, "loop": 30.0, "apart": 90.0}
SECONDS_IN_ALL = 180.0
FRESH = 3  # inputs by which a function is tried without the library's
PPO_DRAWS = ((0, 0), (5, 4), (9, 5), (11, 7))  # of the models and of the toy language: fair to every right style
PASSED, LIBRARY, TRIED, NOT_TRIED = "passed", "the library's", "tried", "not tried"


@dataclass(frozen=True)
class Outcome:
    """How a student's function fared: its state, the mistake's name, the verdict's lines, and its source."""

    state: str
    mistake: str = ""
    says: str = ""
    source: str = ""


class Prepared(NamedTuple):
    """An exercise whose own answers are remembered, and the calls that its check makes, also as they are sent."""

    exercise: Exercise
    batches: list[tuple[dict[tuple, Call], list]]


class Judge:
    """Judges one student after the other, each with a process of its own, by the inputs that a seed draws."""

    def __init__(self, nursery: Nursery, *, seed: int, in_all: float = SECONDS_IN_ALL):
        self.nursery, self.seed, self.in_all = nursery, seed, in_all
        self.ppo_draws = PPO_DRAWS[seed % len(PPO_DRAWS)]
        self.missing: list[str] = []
        self.prepared: dict[str, Prepared] = {}

    def judge(self, sources: list[Source], folder: Path) -> tuple[dict[str, Outcome], list[str]]:
        """Judge all functions in a student's code; return the outcomes by exercise, and what else there is to tell."""
        self.sources, self.folder, self.until = sources, folder, time.monotonic() + self.in_all
        self.line: Line | None = None
        self.stopped: list[str] = []
        try:
            has, told = self.begin()
            outcomes = {name: self.outcome(name, *has[name]) for name in KNOWN if name in has}
            told += self.stopped
            if any(outcome.state == PASSED for outcome in outcomes.values()):
                told += self.to_be_read()
        except (Gone, Late) as error:
            outcomes, told = {}, [f"The code cannot be run: {why(error)}."]
        finally:
            self.end()
        return outcomes, told

    def to_be_read(self) -> list[str]:
        """Say which files use what could change this process, so that somebody reads them."""
        used = {source.file: reaches_for(source.text) for source in self.sources}
        return [
            f"{file} uses {', '.join(found)}: read it before you trust it." for file, found in used.items() if found
        ]

    def begin(self) -> tuple[dict[str, list[str]], list[str]]:
        """Begin a process with the student's code loaded; say what functions it has and what stopped."""
        self.end()
        self.line = self.nursery.begin(self.folder)
        self.missing = [str(each) for each in self.line.receive(seconds=20)["missing"]]
        answer = self.ask("load", sources=[[source.file, source.text] for source in self.sources])
        if not {"has", "problems"} <= answer.keys():
            raise Gone("it sends what was not asked")
        has, problems = answer["has"], answer["problems"]
        files = {source.file for source in self.sources}
        found = {
            name: [str(part) for part in where] for name, where in has.items() if name in KNOWN and where[0] in files
        }
        return found, [str(problem)[:200] for problem in problems[:3]]

    def end(self) -> None:
        """End the student's process, if there is one."""
        if self.line:
            self.line.close()
            self.line = None
            self.nursery.end()

    def ask(self, what: str, **message: object) -> dict:
        """Ask the student's process, and give its answer; what ends or hangs is begun anew for the next function."""
        seconds = min(SECONDS[what], self.until - time.monotonic())
        self.line.send({"ask": what} | message, seconds=seconds)
        answer = self.line.receive(seconds=seconds)
        if not isinstance(answer, dict):
            raise Gone("it sends what is no answer")
        return answer

    def outcome(self, name: str, file: str, own_name: str) -> Outcome:
        """Judge one function."""
        source = function_source(self.sources, own_name, file)
        if time.monotonic() > self.until:
            return Outcome(TRIED, "not looked at: the time for one student was over", source=source)
        try:
            if not self.line:
                self.begin()
            says = self.verdict(name)
            if says.startswith("Passed"):
                return self.passed(name, says, source)
        except (Gone, Late) as error:
            self.end()
            self.stopped.append(f"my_{name}: {why(error)}.")
            return Outcome(TRIED, why(error), source=source)
        if says.startswith("Not attempted"):
            return Outcome(NOT_TRIED)
        return Outcome(TRIED, mistake_in(says, KNOWN[name]), says, source)

    def verdict(self, name: str) -> str:
        """What the check says of a function, by inputs that students do not have."""
        exercise = KNOWN[name]
        if isinstance(exercise, Exercise):
            return verdict(self.prepare(name).exercise, self.elsewhere(name), seed=self.seed)
        watched = partial(self.watched, name)
        if isinstance(exercise, Loop):
            return loop_verdict(exercise, watched, run=watched)
        return ppo_verdict(watched, run=watched, distance=self.distance)

    def watched(self, name: str, _: Callable, *__: object, seed: int = 0, **___: object) -> object:
        """The trace of a loop that ran in the student's process, in the place of the exercises' own `run`."""
        drawn = self.ppo_draws[0] if name == "train_ppo" else self.seed
        answer = self.ask("loop", name=name, seed=seed, drawn=drawn)
        if answer.get("trace") is None:  # SystemExit, say
            raise Gone(f"it stops with {answer.get('error', {}).get('name', 'nothing to show')}")
        raise_from(answer)
        return unpack(answer["trace"])

    def distance(self, _: Callable) -> float:
        """How far from the best policy a PPO loop ends."""
        toy = self.ppo_draws[1]
        answer = self.ask("apart", drawn=toy)
        raise_from(answer)
        return variation(unpack(answer["probabilities"]), drawn=toy)

    def passed(self, name: str, says: str, source: str) -> Outcome:
        """Tell whether a function that passes is more than the library's."""
        exercise = KNOWN[name]
        reference = exercise.reference if isinstance(exercise, Exercise | Loop) else exercise
        if source and is_copied(source, reference):
            return Outcome(LIBRARY, COPIED, says, source)
        if self.is_called(name):
            return Outcome(LIBRARY, CALLED, says, source)
        if not source:
            self.stopped.append(f"my_{name} passes, but no `def` of it was handed in: see where it is from.")
        return Outcome(PASSED, says=says, source=source)

    def is_called(self, name: str) -> bool:
        """Whether a function stops, or is wrong, once the library's own is taken away.

        The inputs are new, so that none of them can be answered from memory, and those on which it is wrong anyway do
        not count.
        """
        if not isinstance(KNOWN[name], Exercise):
            then = {"ask": "loop", "name": name, "seed": 0, "drawn": 0}
            return self.ask("without", name=name, then=then).get("error", {}).get("kind") == Ours.__name__
        return any(self.is_wrong(name, inputs, self.bereft(name)) for inputs in self.fresh(name)) and not any(
            self.is_wrong(name, inputs, self.elsewhere(name)) for inputs in self.fresh(name)
        )

    def fresh(self, name: str) -> list[dict]:
        """Some inputs of an exercise, small and large ones, that nothing was called with before."""
        inputs = drawn(KNOWN[name].draw, seed=self.seed + 1)
        return list(inputs[len(inputs) // (2 * FRESH) :: len(inputs) // FRESH])

    def is_wrong(self, name: str, inputs: dict, function: StandIn) -> bool:
        """Whether a function stops with an input, or gives what ours does not."""
        try:
            return difference(self.prepare(name).exercise, results, function, inputs) is not None
        except Exception:
            return True

    def bereft(self, name: str) -> StandIn:
        """A student's function, called while the library's own is taken away."""

        def answer(call: Call) -> Answer:
            then = {"ask": "call", "name": name, "call": pack(tuple(call))}
            came = self.ask("without", name=name, then=then)
            raise_from(came)
            return Answer(*unpack(came["came"]))

        return StandIn(answer)

    def prepare(self, name: str) -> Prepared:
        """An exercise and its calls, prepared once for all students."""
        if name not in self.prepared:
            exercise = replace(KNOWN[name], reference=remembered(KNOWN[name].reference))
            batches = [{call.key: call for call in calls} for calls in to_be_made(exercise, self.seed)]
            packed = [(batch, [pack(tuple(call)) for call in batch.values()]) for batch in batches]
            self.prepared[name] = Prepared(exercise, packed)
        return self.prepared[name]

    def elsewhere(self, name: str) -> StandIn:
        """A student's function, called in its own process: as many calls at a time as the check is sure to make."""
        came = {}

        def fetch(call: Call) -> None:
            known = (each for each in self.prepare(name).batches if call.key in each[0])
            batch, packed = next(known, ({call.key: call}, [pack(tuple(call))]))
            answers = self.ask("calls", name=name, calls=packed).get("answers", [])
            if len(answers) != len(batch):
                raise Gone("it sends fewer answers than were asked")
            came.update(zip(batch, answers, strict=True))

        def answer(call: Call) -> Answer:
            if call.key not in came:
                fetch(call)
            raise_from(came[call.key])
            return Answer(*unpack(came[call.key]["came"]))

        return StandIn(answer)
