"""The predictions of the notebooks: each question stands once, in predictions.toml, for notebooks, pages and slides.

What students are given has predictions.sealed in its place: the same and the quizzes, with the reasons that the
notebooks fold, compressed so that nobody reads an answer by accident.
"""

import json
import tomllib
import zlib
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from string import ascii_lowercase

from course_lib.training.files.errors import CourseError

FILE = Path(__file__).with_name("predictions.toml")
SEALED = FILE.with_suffix(".sealed")


@dataclass(frozen=True)
class Question:
    """A question in markdown, its options by letter, and the right letter.

    `why` is markdown too, empty where the notebook folds the reason; `begins` stands before the question.
    """

    asked: str
    options: dict[str, str]
    right: str
    why: str = ""
    begins: str = "Predict."

    @property
    def headed(self) -> str:
        """The question behind the words that it begins with."""
        return f"**{self.begins}** {self.asked}"

    @property
    def markdown(self) -> str:
        """The question over its options, for whoever reads it where no button can be pressed."""
        listed = [f"- ({letter}) {option}" for letter, option in self.options.items()]
        return "\n".join([self.headed, "", *listed])


@cache
def predictions() -> dict[str, Question]:
    """Read all predictions, by name. CourseError where a sealed file is damaged."""
    found = tomllib.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else unseal(SEALED)
    return {
        name: Question(
            " ".join(said["asks"].split()),
            dict(zip(ascii_lowercase, said["options"], strict=False)),
            said["right"],
            said.get("why", ""),
            said.get("begins", Question.begins),
        )
        for name, said in found.items()
    }


def seal(found: dict[str, dict]) -> bytes:
    """Turn predictions into what a sealed file holds."""
    return zlib.compress(json.dumps(found, ensure_ascii=False).encode(), level=9)


def unseal(path: Path) -> dict[str, dict]:
    """Read a sealed file. CourseError where it is damaged."""
    try:
        return json.loads(zlib.decompress(path.read_bytes()))
    except (OSError, zlib.error, ValueError):
        raise CourseError(f"Expected {path} as it was given out, but it is damaged; unpack the course again.") from None


def prediction(name: str) -> Question:
    """Return a prediction by its name. CourseError where there is none of that name."""
    known = predictions()
    if name not in known:
        near = get_close_matches(name, known, n=1, cutoff=0) or ["clip-predict"]
        raise CourseError(f"Expected the name of a prediction, such as {near[0]!r}, but {name!r} came; write that one.")
    return known[name]
