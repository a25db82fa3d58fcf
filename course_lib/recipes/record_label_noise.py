"""How many preference pairs a reward model needs, and what wrong labels cost: the experiment `label_noise`."""

import math
from collections.abc import Sequence
from dataclasses import asdict, replace

import torch

from course_lib.recipes.baselines import mean_ratings
from course_lib.recipes.reward import MLP_ON_PAIRS, train_mlp
from course_lib.training.agreement import agreement
from course_lib.training.experiments.recordings import EVERYBODY, ONE_PERSON
from course_lib.training.features import load_features
from course_lib.training.fit import PreferredTexts
from course_lib.training.ratings import PreferencePair, RatedSentence, draw_pairs, load_ratings
from course_lib.training.reward_model import MLPRewardModel

PAIRS = tuple(32 * 2**doubling for doubling in range(9))  # 32 to 8192
NOISE = (0.0, 0.1, 0.2, 0.3, 0.4)  # share of labels that are flipped
SEEDS = 3
STEPS = 200  # at least so many: few pairs are passed over more often


def mean_pairs(sentences: Sequence[RatedSentence], *, count: int, generator: torch.Generator) -> list[PreferencePair]:
    """Draw pairs as `draw_pairs` does, but the higher mean rating decides, not one person."""
    places = {mean: place for place, mean in enumerate(sorted({sentence.mean for sentence in sentences}))}
    by_mean = [replace(sentence, ratings=(places[sentence.mean],)) for sentence in sentences]
    return draw_pairs(by_mean, count=count, generator=generator)


def flip(examples: PreferredTexts, *, noise: float, generator: torch.Generator) -> PreferredTexts:
    """Turn round each pair with probability `noise`; what more noise turns round includes what less does."""
    flipped = torch.rand(len(examples), generator=generator) < noise
    chosen = torch.where(flipped, examples.rejected, examples.chosen)
    rejected = torch.where(flipped, examples.chosen, examples.rejected)
    return PreferredTexts(examples.inputs, chosen, rejected)


def first_pairs(examples: PreferredTexts, count: int) -> PreferredTexts:
    """The first `count` pairs."""
    return PreferredTexts(examples.inputs, examples.chosen[:count], examples.rejected[:count])


def record_label_noise(
    *, pairs: Sequence[int] = PAIRS, noise: Sequence[float] = NOISE, seeds: int = SEEDS
) -> tuple[dict, list[dict]]:
    """Train the small network on more and more pairs, at each share of flipped labels; measure on the test split.

    Returns the settings, and one run a curve. `labels` says who judged a pair: one person for each sentence, or
    everybody together.
    """
    train, test = load_ratings(split="train"), load_ratings(split="test")
    inputs, test_inputs, test_means = load_features(train), load_features(test), mean_ratings(test)
    runs = []
    for seed in range(seeds):
        for labels, share in [(EVERYBODY, 0.0), *((ONE_PERSON, share) for share in noise)]:
            draw = mean_pairs if labels == EVERYBODY else draw_pairs
            drawn = draw(train, count=max(pairs), generator=torch.Generator().manual_seed(seed))
            examples = PreferredTexts.from_pairs(inputs, train, drawn)
            examples = flip(examples, noise=share, generator=torch.Generator().manual_seed(seed))
            models = [train_on_pairs(first_pairs(examples, count), seed=seed) for count in pairs]
            figures = [agreement(model(test_inputs).detach().double(), test_means) for model in models]
            metrics = {"pairs": list(pairs)} | {name: [row[name] for row in figures] for name in figures[0]}
            name = f"{labels}, noise {share:g}"
            run = {"name": name, "seed": seed, "changes": {"labels": labels, "noise": share}, "metrics": metrics}
            runs.append(run | {"before": {}, "after": {}, "samples": []})
    settings = asdict(MLP_ON_PAIRS) | {"least_steps": STEPS, "measured_on": "the 1,000 test sentences"}
    return settings, runs


def train_on_pairs(examples: PreferredTexts, *, seed: int) -> MLPRewardModel:
    """Train as `recipes/reward.py` does, with more epochs where the pairs are few."""
    steps_an_epoch = math.ceil(len(examples) / MLP_ON_PAIRS.batch_size)
    epochs = max(MLP_ON_PAIRS.epochs, math.ceil(STEPS / steps_an_epoch))
    return train_mlp(examples, replace(MLP_ON_PAIRS, epochs=epochs), seed=seed)
