"""What people said: film-review sentences with every single rating, and preference pairs drawn from them."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.training.files import strict_json
from course_lib.training.files.checksums import verify
from course_lib.training.files.errors import CourseError
from course_lib.training.files.paths import RATINGS

FIELDS = ("id", "text", "ratings", "split")
EVERY = 4  # test sentences: one in so many is enough to measure by
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class RatedSentence:
    """A sentence and what each of its raters said of it, from -4 (very negative) to +4 (very positive)."""

    id: int
    text: str
    ratings: tuple[int, ...]
    split: str

    @property
    def mean(self) -> float:
        """The mean of the ratings."""
        return sum(self.ratings) / len(self.ratings)


class PreferencePair(NamedTuple):
    """Two sentences, the one that its rater liked better first."""

    chosen: RatedSentence
    rejected: RatedSentence


def load_ratings(path: Path = RATINGS, *, split: str | None = None) -> list[RatedSentence]:
    """Read the rated sentences, all or those of one split ("train", "validation" or "test"), in the file's order.

    Raises CourseError where the file is missing or a line of it is not a rated sentence.
    """
    if split is not None and split not in SPLITS:
        raise CourseError(f"Expected split to be one of {', '.join(SPLITS)}, but it is {split!r}; choose one of them.")
    if not path.is_file():
        raise CourseError(f"Expected the rated sentences at {path}, but there is no such file; {_remedy(path)}.")
    verify(path)
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(f"Expected {path} to be UTF-8 text, but it is not ({error}); {_remedy(path)}.") from error
    sentences = {}
    for number, line in enumerate(lines, start=1):
        if line.strip():
            sentence = _parse(line, path, number, known_ids=sentences.keys())
            sentences[sentence.id] = sentence
    if not sentences:
        raise CourseError(f"Expected rated sentences in {path}, but it is empty; {_remedy(path)}.")
    return [sentence for sentence in sentences.values() if split is None or sentence.split == split]


@cache
def held_out() -> tuple[list[str], Float[Tensor, " texts"]]:
    """A quarter of the test sentences, which no model has seen rated, and their mean ratings."""
    sentences = load_ratings(split="test")[::EVERY]
    return [sentence.text for sentence in sentences], torch.tensor([sentence.mean for sentence in sentences])


def draw_pairs(sentences: Sequence[RatedSentence], *, count: int, generator: torch.Generator) -> list[PreferencePair]:
    """Draw `count` preference pairs: two sentences, one rater for each, and the higher rating is the chosen one.

    Ties are drawn again. One rater is not the mean of all raters, so some pairs are the wrong way round, as often as
    people disagree. The same generator state gives the same pairs.
    """
    if len(sentences) < 2 or len({rating for sentence in sentences for rating in sentence.ratings}) < 2:
        raise CourseError(
            "Expected at least two sentences with different ratings to draw pairs from, but "
            f"{len(sentences)} came, without a difference to prefer by; give more sentences."
        )
    pairs = []
    while len(pairs) < count:
        first, second = torch.randint(len(sentences), (2,), generator=generator).tolist()
        a, b = sentences[first], sentences[second]
        rating_a, rating_b = _one_rating(a, generator), _one_rating(b, generator)
        if first != second and rating_a != rating_b:
            pairs.append(PreferencePair(a, b) if rating_a > rating_b else PreferencePair(b, a))
    return pairs


def _one_rating(sentence: RatedSentence, generator: torch.Generator) -> int:
    return sentence.ratings[torch.randint(len(sentence.ratings), (1,), generator=generator).item()]


def _parse(line: str, path: Path, number: int, *, known_ids: Collection[int]) -> RatedSentence:
    try:
        record = strict_json.parse(line)
    except ValueError as error:
        came = f"{line:.80}"
        raise CourseError(
            f"Expected a JSON object in line {number} of {path}, but {came!r} came ({error}); {_remedy(path)}."
        ) from None
    for expected, came in _faults(record, known_ids):
        raise CourseError(f"Expected {expected} in line {number} of {path}, but {came!r:.200} came; {_remedy(path)}.")
    return RatedSentence(record["id"], record["text"], tuple(record["ratings"]), record["split"])


def _faults(record: object, known_ids: Collection[int]) -> Iterator[tuple[str, object]]:
    if not isinstance(record, dict):
        yield "a JSON object", record
    elif set(record) != set(FIELDS):
        yield f"the fields {', '.join(FIELDS)}", sorted(record)
    else:
        if type(record["id"]) is not int:
            yield "a whole number as id", record["id"]
        elif record["id"] in known_ids:
            yield "an id that no earlier line has", record["id"]
        if not isinstance(record["text"], str) or not record["text"].strip():
            yield "a text that is not empty", record["text"]
        if not isinstance(record["ratings"], list) or not record["ratings"]:
            yield "a list of ratings", record["ratings"]
        elif odd := [rating for rating in record["ratings"] if type(rating) is not int or abs(rating) > 4]:
            yield "ratings that are whole numbers from -4 to 4", odd[0]
        if record["split"] not in SPLITS:
            yield f"a split out of {', '.join(SPLITS)}", record["split"]


def _remedy(path: Path) -> str:
    return "rebuild it as data/README.md says" if path == RATINGS else "mend the file"
