"""What came of one student's work."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from course_lib.classroom.answers import Answer
from course_lib.classroom.choices import Choice, ChoiceFile
from course_lib.publish.results.asked import questions
from course_lib.publish.results.handed_in import ANSWERS_FILE, CHOICES_FILE, HandedIn, writable
from course_lib.publish.results.judge import Outcome
from course_lib.training.files import strict_json
from course_lib.training.files.errors import CourseError

ASKED, MOST_CHOICES = 24, 200  # pairs that notebook 01 shows; what is taken, for a class whose teacher made more


@dataclass
class Student:
    """A student's outcomes by exercise, first answers by prediction, choices, and what else there is to tell."""

    name: str
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    choices: list[Choice] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def count(self, *states: str) -> int:
        """How many exercises are in these states."""
        return sum(outcome.state in states for outcome in self.outcomes.values())


def read_student(handed: HandedIn) -> Student:
    """A student before anything has been judged: the predictions and the choices."""
    student = Student(handed.name)
    student.answers = first_answers(handed.files.get(ANSWERS_FILE, ""), student.told)
    student.choices = choices(handed.files.get(CHOICES_FILE, ""), student.told)
    return student


def first_answers(text: str, told: list[str]) -> dict[str, str]:
    """The letter that was chosen first for each prediction; lines that are none are counted."""
    found, damaged = {}, 0
    for line in text.splitlines():
        try:
            answer = Answer(**strict_json.parse(line))
            datetime.fromisoformat(answer.time)
            known = answer.choice in questions()[answer.question].options
        except (TypeError, ValueError, KeyError):
            known = False
        if known:
            found.setdefault(answer.question, answer.choice)
        damaged += bool(line.strip()) and not known
    if damaged:
        told.append(f"Lines of {ANSWERS_FILE} that are no answers: {damaged}.")
    return found


def choices(text: str, told: list[str]) -> list[Choice]:
    """The choices that hold; lines that are none are counted."""
    with TemporaryDirectory() as folder:
        path = Path(folder, CHOICES_FILE)
        path.write_text(text, encoding="utf-8", newline="")
        try:
            held, damaged = ChoiceFile(path).read()
        except CourseError as error:
            held, damaged = [], [str(error)]
    strange = [choice for choice in held if any(text != writable(text) for text in asdict(choice.pair).values())]
    held, damaged = [choice for choice in held if choice not in strange], [*damaged, *strange]
    if damaged:
        told.append(f"Lines of {CHOICES_FILE} that are no choices: {len(damaged)}.")
    if len(held) > MOST_CHOICES:
        told.append(f"{CHOICES_FILE} has {len(held)} choices, and the course asks {ASKED}: {MOST_CHOICES} are taken.")
    return held[:MOST_CHOICES]
