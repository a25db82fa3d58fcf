"""What people do against over-optimisation: several reward models, a length term, new labels where the policy is.

An `Ensemble`, combined as `equations.ensemble` says, and a `LengthTerm` score texts as a `RewardModel` does, so a
`Scorer` takes them in its place. The KL penalty is PPO's own `kl_coef`, and an early stop is a point on a curve.
"""

from collections.abc import Callable, Sequence
from itertools import islice

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.training.experiments.proxies import ProxyScorer, TextPreference
from course_lib.training.reward_model import RewardModel
from course_lib.training.scorer import TextScorer
from course_lib.training.setup import Setup

NO_REMEDY = "no remedy"
MemberScores = Float[Tensor, "members texts"]


class Ensemble:
    """Several reward models, whose scores `combine` turns into one, on a scale that gain and bias set."""

    def __init__(self, members: Sequence[TextScorer], combine: Callable[[MemberScores], Tensor]):
        self.members, self.combine = members, combine
        self.gain, self.bias = 1.0, 0.0

    def score(self, texts: Sequence[str]) -> Float[Tensor, " texts"]:
        """One score for each text."""
        scores = torch.stack([member.score(texts) for member in self.members])
        return self.gain * self.combine(scores) + self.bias


class LengthTerm:
    """A reward model's score plus `per_token` for every token of a text, bos and eos too; then gain and bias."""

    def __init__(self, model: RewardModel, *, per_token: float):
        self.model, self.per_token = model, per_token
        self.gain, self.bias = 1.0, 0.0

    def score(self, texts: Sequence[str]) -> Float[Tensor, " texts"]:
        """One score for each text."""
        lengths = self.model.lengths(self.model.encode(texts))
        return self.gain * (self.model.score(texts) + self.per_token * lengths) + self.bias


def label_pairs(first: Sequence[str], second: Sequence[str], gold: TextScorer) -> list[TextPreference]:
    """Let the gold reward model, in the place of people, prefer one text of each pair: the one that it scores higher.

    Pairs with equal scores are left out.
    """
    gaps = (gold.score(first) - gold.score(second)).tolist()
    return [(a, b) if gap > 0 else (b, a) for a, b, gap in zip(first, second, gaps, strict=True) if gap]


def second_round(setup: Setup, scorer: ProxyScorer, *, steps: int, count: int) -> list[TextPreference]:
    """Train the policy for so many steps, then label `count` pairs of what it writes; a pair continues one prompt."""
    for _ in islice(setup.records(scorer), steps):
        pass
    generator = setup.generator(5)
    rows = torch.randint(len(setup.training_prompts), (count,), generator=generator, device=generator.device)
    first, second = (scorer.texts(setup.continue_prompts(setup.training_prompts[rows], generator)) for _ in range(2))
    return label_pairs(first, second, scorer.gold)
