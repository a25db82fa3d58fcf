"""Pairs of sentences that the small GPT-2 wrote, and which of the two a student likes better."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.training.files import strict_json
from course_lib.training.files.errors import CourseError
from course_lib.training.files.paths import TINY_GPT2
from course_lib.training.files.write import append_line
from course_lib.training.language_model import load_language_model
from course_lib.training.policy import Policy
from course_lib.training.ratings import load_ratings
from course_lib.training.reward_model import RewardModel
from course_lib.training.rollout import sample
from course_lib.training.scorer import review_prompts
from course_lib.training.settings import RunSettings
from course_lib.training.texts import judge

ANSWERS = ("left", "right", "neither")
FIELDS = ("prompt", "left", "right")
UNDO = "undo"


@dataclass(frozen=True)
class TextPair:
    """Two texts that begin with the same prompt."""

    prompt: str
    left: str
    right: str


@dataclass(frozen=True)
class Choice:
    """What somebody answered to a pair: "left", "right" or "neither"; in a file also "undo"."""

    pair: TextPair
    answer: str

    @property
    def chosen(self) -> str:
        """The text liked better; of no meaning where the answer is "neither"."""
        return self.pair.right if self.answer == "right" else self.pair.left

    @property
    def rejected(self) -> str:
        """The other text."""
        return self.pair.left if self.answer == "right" else self.pair.right


def write_pairs(count: int = 24, *, seed: int = 0) -> list[TextPair]:
    """Let the small GPT-2 continue the first tokens of held-out reviews twice; keep pairs that differ and end."""
    lm, tokenizer = load_language_model(TINY_GPT2)
    settings = RunSettings()
    prompts = review_prompts(load_ratings(split="test"), tokenizer, prompt_len=settings.prompt_len)
    prompts = prompts[:: max(1, len(prompts) // (3 * count))]
    rollout = sample(
        Policy.of(lm, tokenizer),
        prompts.repeat_interleave(2, dim=0),
        response_len=settings.response_len,
        temperature=settings.temperature,
        generator=torch.Generator().manual_seed(seed),
    )
    texts = tokenizer.batch_decode(rollout.token_ids, skip_special_tokens=True)
    starts = tokenizer.batch_decode(prompts, skip_special_tokens=True)
    ended = rollout.ended.reshape(-1, 2).all(dim=1).tolist()
    pairs = map(TextPair, starts, texts[::2], texts[1::2])
    return [pair for pair, both in zip(pairs, ended, strict=True) if both and pair.left != pair.right][:count]


def choose_by_rules(pair: TextPair) -> str:
    """Answer in a student's place: VADER's rules like the left or the right text better, or cannot tell."""
    left, right = judge(pair.left), judge(pair.right)
    return "neither" if left == right else "left" if left > right else "right"


def decided(choices: Sequence[Choice]) -> list[Choice]:
    """Leave out the pairs that nobody could tell apart."""
    return [choice for choice in choices if choice.answer != "neither"]


def chosen_gaps(reward_model: RewardModel, choices: Sequence[Choice]) -> Float[Tensor, " choices"]:
    """Score of the chosen text minus score of the other, for each pair that was told apart."""
    choices = decided(choices)
    scores = reward_model.score([choice.chosen for choice in choices] + [choice.rejected for choice in choices])
    return scores[: len(choices)] - scores[len(choices) :]


class ChoiceFile:
    """The choices of one student, a JSON object a line; several notebooks may share it.

    Lines are only added: another answer to a pair takes the place of the one before, "undo" takes it back.
    """

    def __init__(self, path: Path):
        self.path = path

    def read(self) -> tuple[list[Choice], list[int]]:
        """Read the choices that hold, the last one last, and the numbers of the lines that are none.

        Raises:
            CourseError: the file cannot be read as text.
        """
        if not self.path.exists():
            return [], []
        try:
            lines = self.path.read_text(encoding="utf-8-sig").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise CourseError(f"Expected choices in {self.path}, but reading failed ({error}); move it away.") from None
        held, damaged = {}, []
        for number, line in enumerate(lines, start=1):
            choice = _parse(line)
            if choice is None:
                damaged += [number] if line.strip() else []
                continue
            held.pop(choice.pair, None)
            if choice.answer != UNDO:
                held[choice.pair] = choice
        return list(held.values()), damaged

    def add(self, choice: Choice) -> None:
        """Write a choice behind the others. OSError where the file cannot be written."""
        append_line(self.path, asdict(choice.pair) | {"answer": choice.answer})

    def undo(self, pair: TextPair) -> None:
        """Take back what was answered to a pair. OSError where the file cannot be written."""
        self.add(Choice(pair, UNDO))


def _parse(line: str) -> Choice | None:
    try:
        record = strict_json.parse(line)
    except ValueError:
        return None
    if not isinstance(record, dict) or record.keys() != {*FIELDS, "answer"}:
        return None
    known = record["answer"] in (*ANSWERS, UNDO) and all(isinstance(record[name], str) for name in FIELDS)
    return Choice(TextPair(*(record[name] for name in FIELDS)), record["answer"]) if known else None
