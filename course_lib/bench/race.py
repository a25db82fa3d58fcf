"""Our PPO and TRL's, in turn: each contender is a process that does one iteration when asked."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec

from course_lib.training.files.errors import CourseError
from course_lib.training.record import Record

OURS = ("ours-shared", "ours-separate")
INSTALL = "pip install -c constraints.txt -e '.[benchmark]'"
MISSING = f"TRL is not installed, so ours were measured alone; to install it: {INSTALL}"


def contenders() -> list[str]:
    """The names of those that can take part here."""
    return [*OURS, "trl"] if find_spec("trl") else list(OURS)


def command(name: str, settings: dict) -> list[str]:
    """The command that starts a contender; `settings` are those of a run that differ from the defaults."""
    return [sys.executable, "-m", "course_lib.bench.contender", name, json.dumps(settings)]


class Contender:
    """A process that answers each line with one record; it sleeps between its turns."""

    def __init__(self, name: str, arguments: list[str]):
        self.name = name
        self.errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 (it outlives this function)
        # no contender waits for a network, and TRL does not tell that its PPO is experimental
        environment = os.environ | {"HF_HUB_OFFLINE": "1", "TRL_EXPERIMENTAL_SILENCE": "1"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self.errors}
        self.process = subprocess.Popen(arguments, text=True, encoding="utf-8", env=environment, **pipes)
        self.setup = self.answer()
        self.iterations: list[Record] = []
        self.held_out: Record = {}

    def answer(self) -> dict:
        """Wait for the next record; raises CourseError where the process has ended instead."""
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        self.process.wait()
        self.errors.seek(0)
        said = (self.errors.read().strip() or "nothing said").splitlines()[-1]
        raise CourseError(f"Expected {self.name} to go on training, but its process ended; it said: {said}")

    def turn(self) -> dict:
        """Let it do one piece of work while nobody else works."""
        with suppress(BrokenPipeError):  # it has ended; why is for answer() to tell
            print("go", file=self.process.stdin, flush=True)
        return self.answer()

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()
        self.errors.close()


def race(
    commands: dict[str, list[str]], *, iterations: int, after_round: Callable[[], object] = lambda: None
) -> dict[str, Contender]:
    """Start all, give each one iteration in turn, then let each judge what it became on held-out prompts.

    `after_round` is called after each of the iterations + 1 rounds, while all contenders sleep.
    """
    running: dict[str, Contender] = {}
    try:
        for name, arguments in commands.items():
            running[name] = Contender(name, arguments)
        for _ in range(iterations):
            for contender in running.values():
                contender.iterations.append(contender.turn())
            after_round()
        for contender in running.values():
            contender.held_out = contender.turn()
        after_round()
    finally:
        for contender in running.values():
            contender.close()
    return running
