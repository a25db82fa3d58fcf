"""Preferences that a user has, for a reward model to learn from: each once, a share held out; what was done is told."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from course_lib.equations.preferences import pair_accuracy
from course_lib.training.conversations import TextPair, pairs_of
from course_lib.training.files.errors import CourseError
from course_lib.training.files.rows import read_rows
from course_lib.training.fit import PreferredTexts
from course_lib.training.record import Record
from course_lib.training.reward_model import RewardModel

HELD_OUT = 10  # one pair in so many tells what the model has learned
MOST_HELD_OUT = 1000
TOGETHER = 64  # pairs that are judged in one pass
EMPTY, SAME, BEFORE, ALIKE = FAULTS = (
    "with an empty side",
    "with the same text on both sides",
    "there before",
    "alike as far as the reward model reads",
)


@dataclass
class OwnPreferences:
    """Pairs to learn from, pairs to judge by, of which there may be none, and what is to be said of their file."""

    examples: PreferredTexts
    held_out: PreferredTexts
    have_prompts: bool
    told: list[str]

    @torch.no_grad()
    def validate(self, model: RewardModel) -> Record:
        """How a reward model does on the pairs to judge by; nothing where there is none."""
        if not len(self.held_out):
            return {}
        parts = torch.arange(len(self.held_out)).split(TOGETHER)
        columns = zip(*(self.held_out.read(model, rows) for rows in parts), strict=True)
        return self.held_out.measure(*map(torch.cat, columns))

    def verdict(self, model: RewardModel) -> str:
        """Say how often a trained reward model is right about the pairs to judge by, and who counts tokens alone."""
        if not len(self.held_out):
            return "How good the reward model is cannot be told: no pair is held out."
        right, lengths = self.validate(model)["pair_accuracy"], model.lengths(self.held_out.inputs).float()
        longer = pair_accuracy(lengths[self.held_out.chosen], lengths[self.held_out.rejected]).item()
        return (
            f"The reward model is right about {right:.0%} of {len(self.held_out)} pairs held out; who always prefers "
            f"the longer text is right about {longer:.0%}, a coin about 50%."
        )


def own_preferences(path: Path, model: RewardModel, *, most: int, seed: int) -> OwnPreferences:
    """The pairs of a file, at most so many to learn from: the seed draws which; those held out are always the same.

    Raises:
        CourseError: the file cannot be read, or has no pair of two different texts.
    """
    rows = read_rows(path)
    usable, left_out = sort_out(pairs_of(rows))
    train, held_out = split(usable)
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed)).tolist()
    chosen = [train[number] for number in order[:most]]
    examples, judged = encode(model, chosen, held_out)
    left_out[ALIKE] = len(chosen) + len(held_out) - len(examples) - len(judged)
    reasons = ", ".join(f"{left_out[fault]} {fault}" for fault in FAULTS if left_out[fault])
    if not len(examples):
        why = reasons or "the file is empty"
        raise CourseError(f"Expected pairs of two different texts in {path}, but none is left ({why}); mend the file.")
    lengths = model.lengths(examples.inputs)
    found = f"{len(usable)} pairs of {lengths.min()} to {lengths.max()} tokens in {len(rows.rows)} rows"
    of_all = f" of {len(train)}, as --pairs says," if len(train) > most else ""
    told = [
        f"From {rows.described}: {found}{'; left out: ' if reasons else ''}{reasons}.",
        *turned_round(usable),
        f"{len(examples)}{of_all} are learned from, {len(judged)} held out to judge by.",
    ]
    return OwnPreferences(examples, judged, any(pair.prompt for pair in usable), told)


def sort_out(pairs: Sequence[TextPair]) -> tuple[list[TextPair], Counter[str]]:
    """The pairs that a model can learn from, each once, and how many are left out for which reason."""
    usable, left_out = {}, Counter()
    for pair in pairs:
        sides = pair.chosen, pair.rejected
        if not all(side[len(pair.prompt) :].strip() for side in sides):
            left_out[EMPTY] += 1
        elif pair.chosen == pair.rejected:
            left_out[SAME] += 1
        elif sides in usable:
            left_out[BEFORE] += 1
        else:
            usable[sides] = pair
    return list(usable.values()), left_out


def split(pairs: Sequence[TextPair]) -> tuple[list[TextPair], list[TextPair]]:
    """Pairs to learn from, and one in ten to judge by; where there are many prompts, each is on one side."""
    by_prompt = len({pair.prompt for pair in pairs}) > HELD_OUT
    groups: dict[object, list[TextPair]] = {}
    for number, pair in enumerate(pairs):
        groups.setdefault((by_prompt and pair.prompt) or number, []).append(pair)
    wanted = min(len(pairs) // HELD_OUT, MOST_HELD_OUT)
    order = torch.randperm(len(groups), generator=torch.Generator().manual_seed(0)).tolist()
    train, held_out = [], []
    for group in (list(groups.values())[number] for number in order):
        (held_out if len(held_out) + len(group) <= wanted else train).extend(group)
    return train, held_out


def encode(model: RewardModel, *parts: Sequence[TextPair]) -> list[PreferredTexts]:
    """Each part as token ids, all of one table, less the pairs that the model reads as the same text."""
    pairs = [pair for part in parts for pair in part]
    inputs = model.encode([pair.chosen for pair in pairs] + [pair.rejected for pair in pairs])
    numbers = torch.arange(len(pairs), device=inputs.device)
    differ = (inputs[: len(pairs)] != inputs[len(pairs) :]).any(dim=1)
    rows = [part[differ[part]] for part in numbers.split([len(part) for part in parts])]
    return [PreferredTexts(inputs, part, part + len(pairs)) for part in rows]


def turned_round(pairs: Sequence[TextPair]) -> list[str]:
    """Say how many pairs are there with the other text preferred, too."""
    known = {(pair.chosen, pair.rejected) for pair in pairs}
    count = sum((rejected, chosen) in known for chosen, rejected in known) // 2
    return [f"{count} are there the other way round too, and count both ways."] if count else []
