"""The predictions of the notebooks: each question stands once, in predictions.toml, for notebooks, pages and slides."""

import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from string import ascii_lowercase

from course_lib.training.files.errors import CourseError

FILE = Path(__file__).with_name("predictions.toml")


@dataclass(frozen=True)
class Question:
    """A question in markdown, its options by letter, and the right letter."""

    asked: str
    options: dict[str, str]
    right: str

    @property
    def markdown(self) -> str:
        """The question over its options, for whoever reads it where no button can be pressed."""
        listed = [f"- ({letter}) {option}" for letter, option in self.options.items()]
        return "\n".join([f"**Predict.** {self.asked}", "", *listed])


@cache
def predictions() -> dict[str, Question]:
    """Read all predictions, by name."""
    found = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {
        name: Question(
            " ".join(said["asks"].split()), dict(zip(ascii_lowercase, said["options"], strict=False)), said["right"]
        )
        for name, said in found.items()
    }


def prediction(name: str) -> Question:
    """Return a prediction by its name. CourseError where there is none of that name."""
    known = predictions()
    if name not in known:
        near = get_close_matches(name, known, n=1, cutoff=0) or ["clip-predict"]
        raise CourseError(f"Expected the name of a prediction, such as {near[0]!r}, but {name!r} came; write that one.")
    return known[name]
