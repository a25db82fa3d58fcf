"""What a class makes of each exercise and each question, counted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from course_lib.classroom.exercises.mine import NOTEBOOKS
from course_lib.classroom.predictions import Question
from course_lib.publish.results.asked import course_notebooks
from course_lib.publish.results.judge import LIBRARY, NOT_TRIED, PASSED, TRIED, Outcome
from course_lib.publish.results.student import Student

STATES = (PASSED, LIBRARY, TRIED, NOT_TRIED)


@dataclass(frozen=True)
class Mistake:
    """A named mistake, how many made it, and one of their functions with what the check says of it."""

    name: str
    count: int
    example: Outcome


@dataclass(frozen=True)
class ExerciseCounts:
    """How many students are in each state of an exercise, and the mistakes that were made, the most common first."""

    name: str
    states: dict[str, int]
    mistakes: list[Mistake]


@dataclass(frozen=True)
class Votes:
    """A question and how many chose each of its options first."""

    question: Question
    counts: dict[str, int]

    @property
    def answered(self) -> int:
        """How many answered."""
        return sum(self.counts.values())


@dataclass(frozen=True)
class NotebookCounts:
    """The exercises and the questions of a notebook, in its order."""

    number: str
    title: str
    exercises: list[ExerciseCounts]
    votes: list[Votes]


def count_class(students: Sequence[Student]) -> list[NotebookCounts]:
    """Count a class, notebook by notebook."""
    counted = []
    for number, (title, asked) in course_notebooks().items():
        exercises = [count_exercise(name, students) for name in NOTEBOOKS.get(number, ())]
        votes = [
            Votes(question, {letter: count[letter] for letter in question.options})
            for name, question in asked.items()
            for count in [Counter(student.answers.get(name) for student in students)]
        ]
        counted.append(NotebookCounts(number, title, exercises, votes))
    return counted


def count_exercise(name: str, students: Sequence[Student]) -> ExerciseCounts:
    """Count the students by how they fared in an exercise."""
    outcomes = [student.outcomes.get(name, Outcome(NOT_TRIED)) for student in students]
    states = Counter(outcome.state for outcome in outcomes)
    made = Counter(outcome.mistake for outcome in outcomes if outcome.mistake)
    mistakes = [
        Mistake(mistake, count, min((each for each in outcomes if each.mistake == mistake), key=simplicity))
        for mistake, count in made.most_common()
    ]
    return ExerciseCounts(name, {state: states[state] for state in STATES}, mistakes)


def simplicity(outcome: Outcome) -> tuple[bool, int]:
    """Examples with a source go before those without, the shortest first."""
    return not outcome.source, len(outcome.source)
