"""A table of texts that a model wrote, prompt set apart, with what reward models and the judge say of them."""

from collections.abc import Mapping, Sequence

from course_lib.classroom.html import render
from course_lib.classroom.style import GOLD, JUDGE, REWARD_MODEL
from course_lib.classroom.watch import saying
from course_lib.classroom.words import number
from course_lib.training.files.paths import REWARD_MODEL as REWARD_MODEL_FOLDER
from course_lib.training.record import LOOKING_ON
from course_lib.training.reward_model import load_reward_model
from course_lib.training.settings import RunSettings
from course_lib.training.setup import Setup

TextRecord = Mapping[str, str | float | int]
"""A text as Setup.evaluate returns it: prompt, text, score, judge; with `gold`, the score is a proxy's; with what
people's reward model says, it is a reward of the student's own."""


class TextsTable:
    """Texts side by side, one column for each name, one row for each prompt; shown as HTML, or as plain lines."""

    def __init__(self, columns: Mapping[str, Sequence[TextRecord]]):
        self.columns = {name: list(texts) for name, texts in columns.items()}
        self.rows = list(zip(*self.columns.values(), strict=True))

    def _repr_html_(self) -> str:
        return render("texts", {"names": list(self.columns), "rows": self.rows, "verdicts": verdicts, "zip": zip})

    def __repr__(self) -> str:
        """The same as lines of text."""
        return "\n".join(
            f"{name}: {text['text']} ({', '.join(f'{who} {number(value)}' for who, value, _ in verdicts(text))})"
            for row in self.rows
            for name, text in zip(self.columns, row, strict=True)
        )


def verdicts(record: TextRecord) -> list[tuple[str, float, str]]:
    """Who says what of a text, in which colour."""
    gold = [("gold", record["gold"], GOLD)] if "gold" in record else []
    people = [("people’s reward model", record[LOOKING_ON], GOLD)] if LOOKING_ON in record else []
    score = "proxy" if gold else "your reward" if people else "score"
    return [(score, record["score"], REWARD_MODEL), *gold, *people, ("judge", record["judge"], JUDGE)]


def first_sentences(*, count: int = 8) -> TextsTable:
    """Let the small GPT-2, before any training on feedback, continue the beginnings of held-out reviews."""
    with saying("The film critic writes"):
        setup = Setup(RunSettings(evaluation_prompts=count))
        _, texts = setup.evaluate(setup.scorer(load_reward_model(REWARD_MODEL_FOLDER)))
    return TextsTable({"The film critic writes": texts})
