"""Read `data/runs/advantages.json`: texts of a half-trained policy with the reward and the value of every token."""

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from course_lib.training.files import strict_json
from course_lib.training.files.checksums import verify
from course_lib.training.files.errors import CourseError
from course_lib.training.files.paths import RUNS

ADVANTAGES = RUNS / "advantages.json"


@dataclass(frozen=True)
class WrittenText:
    """A prompt, the tokens that the policy wrote after it, and the score of the whole; numbers are per token."""

    prompt: str
    tokens: list[str]
    score: float
    rewards: Float[Tensor, " tokens"]
    values: Float[Tensor, " tokens"]


@dataclass(frozen=True)
class Beginning:
    """A prompt and one token after it, continued many times; column 0 of the numbers belongs to that token."""

    prompt: str
    token: str
    rewards: Float[Tensor, "texts length"]
    values: Float[Tensor, "texts length"]
    mask: Bool[Tensor, "texts length"]


@dataclass(frozen=True)
class AdvantageRecording:
    """What `python -m course_lib.recipes.record_advantages` wrote."""

    texts: list[WrittenText]
    beginnings: list[Beginning]
    explained_variance: float


def load_advantages(path: Path = ADVANTAGES) -> AdvantageRecording:
    """Read the recording.

    Raises:
        CourseError: the file is missing or damaged.
    """
    verify(path)
    try:
        record = strict_json.parse(path.read_text(encoding="utf-8"))
        texts = [read_text(text) for text in record["texts"]]
        beginnings = [read_beginning(beginning) for beginning in record["beginnings"]]
        return AdvantageRecording(texts, beginnings, float(record["explained_variance"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        came = f"reading failed ({type(error).__name__}: {error})"
        raise CourseError(
            f"Expected a recording in {path}, but {came}; make it again as data/README.md says."
        ) from error


def read_text(record: dict) -> WrittenText:
    """One text of the recording."""
    numbers = (torch.tensor(record[name]) for name in ("rewards", "values"))
    return WrittenText(record["prompt"], record["tokens"], record["score"], *numbers)


def read_beginning(record: dict) -> Beginning:
    """One beginning of the recording, its texts padded on the right."""
    rewards, values, ones = (
        pad_sequence([make(row) for row in rows], batch_first=True)
        for rows, make in (
            (record["rewards"], torch.tensor),
            (record["values"], torch.tensor),
            (record["rewards"], lambda row: torch.ones(len(row), dtype=torch.bool)),
        )
    )
    return Beginning(record["prompt"], record["token"], rewards, values, ones)
