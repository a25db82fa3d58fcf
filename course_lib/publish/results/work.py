"""A class judged by several processes at once, each with a nursery of its own; what harms one harms no result."""

import ctypes
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from socket import socketpair

import torch

from course_lib.publish.results.confine import NOBODY, end_with_parent
from course_lib.publish.results.handed_in import HandedIn
from course_lib.publish.results.judge import SECONDS_IN_ALL, Judge, Outcome
from course_lib.publish.results.nursery import Nursery
from course_lib.publish.results.sources import Source, sources
from course_lib.publish.results.student import Student, read_student
from course_lib.publish.results.wire import Gone, Late, Line, waiting

MOST_TOLD = 12
PATIENCE = SECONDS_IN_ALL + 60  # seconds that a judge has for a student, before it is taken for dead
ENDED = "The process that judged this student was ended: look at the code before you run it again."


class Worker:
    """A process that judges one student at a time."""

    def __init__(self):
        ours, theirs = socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            with suppress(BaseException):
                work(Line(theirs))
            os._exit(0)
        theirs.close()
        self.line = Line(ours)
        self.student: Student | None = None
        self.folder: Path | None = None
        self.until = 0.0

    def begin(self, student: Student, found: list[Source], folder: Path, seed: int) -> None:
        """Send a student's code to be judged."""
        self.student, self.folder, self.until = student, folder, time.monotonic() + PATIENCE
        texts = [[source.file, source.text] for source in found]
        self.line.send({"sources": texts, "folder": str(folder), "seed": seed})

    def finish(self) -> tuple[Student, list[str]]:
        """Take what came: the student with their outcomes, and what the system lacks to confine code. Gone, Late."""
        answer = self.line.receive(seconds=max(self.until - time.monotonic(), 0.1))
        self.student.outcomes = {name: Outcome(**outcome) for name, outcome in answer["outcomes"].items()}
        self.student.told += answer["told"]
        student, self.student = self.student, None
        return student, answer["missing"]

    def end(self) -> None:
        """End the process, its nursery with it."""
        self.line.close()
        with suppress(OSError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


def work(line: Line) -> None:
    """Judge students, one after the other; the nursery comes first, so that it knows of none."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(ctypes.CDLL(None))
    torch.set_num_threads(1)
    nursery, judge = Nursery(), None
    while True:
        message = line.receive(seconds=3600)
        judge = judge or Judge(nursery, seed=message["seed"])
        found = [Source(file, text) for file, text in message["sources"]]
        outcomes, told = judge.judge(found, Path(message["folder"]))
        outcomes = {name: asdict(outcome) for name, outcome in outcomes.items()}
        line.send({"outcomes": outcomes, "told": told, "missing": judge.missing})


def judge_class(
    workers: list[Worker], handed: list[HandedIn], *, seed: int, missing: set[str] | None = None
) -> Iterator[Student]:
    """Judge what was handed in, and yield each student when done; those without code first.

    What the system lacks to confine their code is added to `missing`.
    """
    waits = []
    for each in handed:
        student = read_student(each)
        found = sources(each)
        student.told[:0] = few(each.told)
        if found:
            waits.append((student, found))
        else:
            yield student
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as parent:
        Path(parent).chmod(0o711)
        while waits or any(worker.student for worker in workers):
            for worker in workers:
                if waits and not worker.student:
                    student, found = waits.pop(0)
                    with suppress(Gone, Late):  # which its answer tells
                        worker.begin(student, found, own_folder(parent, len(waits)), seed)
            yield from finished(workers, set() if missing is None else missing)


def few(told: list[str]) -> list[str]:
    """Some sentences, and how many more there are."""
    more = len(told) - MOST_TOLD
    return [*told[:MOST_TOLD], f"And {more} sentences more."] if more > 0 else told


def finished(workers: list[Worker], missing: set[str]) -> Iterator[Student]:
    """The students whose judges are done, or dead; a dead one is replaced."""
    busy = {id(worker.line): worker for worker in workers if worker.student}
    seconds = max(min(worker.until for worker in busy.values()) - time.monotonic(), 0.0)
    ready = [busy[id(line)] for line in waiting([worker.line for worker in busy.values()], seconds=seconds)]
    late = [worker for worker in busy.values() if worker.until < time.monotonic()]
    for worker in {id(worker): worker for worker in (*ready, *late)}.values():
        try:
            student, lacks = worker.finish()
            missing.update(lacks)
        except (Gone, Late):
            student = worker.student
            student.told.append(ENDED)
            worker.end()
            workers[workers.index(worker)] = Worker()
        shutil.rmtree(worker.folder, ignore_errors=True)  # or all that a class has written would lie there together
        yield student


def own_folder(parent: str, number: int) -> Path:
    """A new folder that the student's process may write to."""
    folder = Path(parent, f"student-{number}")
    folder.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    return folder
