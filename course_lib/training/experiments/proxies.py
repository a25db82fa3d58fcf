"""Proxy reward models, which learned from few pairs, and the shipped one as gold, which looks on.

As in Gao et al. 2022 (arXiv:2210.10760), where a reward model stands in for people: it labels, and it tells what a
policy is worth that was trained against another one.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from course_lib.training.files.errors import CourseError
from course_lib.training.files.paths import REWARD_MODEL, TINY_GPT2
from course_lib.training.files.write import write_folder
from course_lib.training.fit import FitSettings, PreferredTexts, enough_epochs, fit
from course_lib.training.ratings import draw_pairs, load_ratings
from course_lib.training.reward_model import RewardModel, load_reward_model, new_reward_model
from course_lib.training.scorer import Scorer, TextScorer
from course_lib.training.setup import Setup

PAIRS = (32, 128, 512, 2048, 8192)
# of the PPO runs against each proxy
# as little as possible stands between PPO and the proxy: no penalty, and no value network that knows it beforehand
SETTINGS = {
    "iterations": 32,
    "batch_size": 64,
    "epochs": 2,
    "minibatches": 2,
    "learning_rate": 6e-4,
    "lam": 0.95,
    "kl_coef": 0.0,
    "value_network": "policy",
    "evaluation_prompts": 128,
}
PROXY_FIT = FitSettings(batch_size=32, learning_rate=1e-3)

TextPreference = tuple[str, str]
"""Two texts, the preferred one first."""


def rated_pairs(count: int, *, seed: int) -> list[TextPreference]:
    """Draw pairs of training reviews, one rater for each review; fewer pairs of a seed are the first of more."""
    pairs = draw_pairs(load_ratings(split="train"), count=count, generator=torch.Generator().manual_seed(seed))
    return [(pair.chosen.text, pair.rejected.text) for pair in pairs]


def train_proxy(pairs: Sequence[TextPreference], *, seed: int, model: str | Path = TINY_GPT2) -> RewardModel:
    """Train a GPT-2 reward model on pairs alone; the seed draws its head and the order of the pairs.

    Raises:
        CourseError: there is no pair, or no GPT-2 in `model`.
    """
    if not pairs:
        raise CourseError("Expected pairs for a proxy to learn from, but there is none; draw one or more.")
    generator = torch.Generator().manual_seed(seed)
    proxy = new_reward_model(model, generator=generator)
    inputs = proxy.encode([text for pair in pairs for text in pair])
    rows = torch.arange(len(inputs))
    settings = replace(PROXY_FIT, epochs=enough_epochs(len(pairs), batch_size=PROXY_FIT.batch_size))
    for _ in fit(proxy, PreferredTexts(inputs, rows[::2], rows[1::2]), settings=settings, generator=generator):
        pass
    return proxy.requires_grad_(False)


def kept_model(folder: Path, train: Callable[[], RewardModel]) -> RewardModel:
    """Load the reward model of a folder; where there is none, train it and keep it there."""
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        write_folder(folder, train().save)
    return load_reward_model(folder)


class ProxyScorer(Scorer):
    """Scores with a proxy, for a policy to please; the gold reward model looks on, as the independent judge does."""

    @property
    def gold(self) -> TextScorer:
        """The gold reward model."""
        return self.onlookers["gold"]


def proxy_scorer(setup: Setup, proxy: TextScorer) -> ProxyScorer:
    """The proxy as a judge of this run's texts, both it and the gold reward model normalised on the reference's."""
    gold = load_reward_model(setup.settings.reward_model or REWARD_MODEL, device=setup.device)
    scorer = ProxyScorer(setup.tokenizer, proxy, {"gold": gold})
    scorer.normalise_on(setup.reference_samples())
    return scorer


def largest_gaps(rows: Sequence[dict], count: int) -> list[dict]:
    """The texts that the proxy scores highest above the gold reward model, the largest gap first."""
    return sorted(rows, key=lambda row: row["gold"] - row["score"])[:count]
