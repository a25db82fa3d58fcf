"""Make `data/reward-model`: the shipped reward model, and a table of how every scorer compares.

The small GPT-2 learns from the ratings and, on generated sentences that nobody rated, from a teacher's scores: ridge
regression on the states of a language model forty times larger, fitted on the same ratings (distillation, Hinton et
al. 2015, arXiv:1503.02531). The test split is measured last, and decides nothing.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.recipes.baselines import BASELINES, mean_ratings
from course_lib.recipes.score import read_generated
from course_lib.training.agreement import agreement
from course_lib.training.features import load_features
from course_lib.training.files.entry_point import entry_point
from course_lib.training.files.paths import REWARD_MODEL, TINY_GPT2
from course_lib.training.files.write import write_json, write_lines
from course_lib.training.fit import Examples, FitSettings, PreferredTexts, RatedTexts, fit
from course_lib.training.language_model import load_language_model
from course_lib.training.policy import Policy
from course_lib.training.ratings import RatedSentence, draw_pairs, load_ratings
from course_lib.training.record import Record
from course_lib.training.reward_model import MLPRewardModel, RewardModel, load_reward_model, new_reward_model
from course_lib.training.rollout import sample
from course_lib.training.run.run_folder import versions
from course_lib.training.scorer import REFERENCE_SAMPLES, Scorer, review_prompts
from course_lib.training.settings import RunSettings

COMMAND = "python -m course_lib.recipes.reward"
MEASURED_ON = "the 1,000 test sentences, 20,000 random pairs; people against the mean of the others"
SHIPPED = "GPT-2, from ratings and a teacher's scores (shipped)"
RATED_WEIGHT = 2  # passes over the rated sentences in one over the generated ones
PAIRS = 10_000
MLP_ON_RATINGS = FitSettings(epochs=8, batch_size=64, learning_rate=1e-3, weight_decay=10.0)
MLP_ON_PAIRS = FitSettings(epochs=4, batch_size=64, learning_rate=1e-3, weight_decay=10.0)
GPT2_ON_PAIRS = FitSettings(epochs=1, batch_size=32, learning_rate=1e-3, weight_decay=0.01)
GPT2_ON_ALL = FitSettings(epochs=2, batch_size=32, learning_rate=1e-3, weight_decay=0.01, validate_every=200)
LOG_EVERY = 20  # steps


@dataclass(frozen=True)
class RatedPrefixes(RatedTexts):
    """Rated texts whose rating is asked for at eos, and after every token before it, the later the more it counts."""

    def read(
        self, model: nn.Module, rows: Int[Tensor, " rows"]
    ) -> tuple[Float[Tensor, "rows length"], Float[Tensor, "rows length"]]:
        """The score after each token, and the rating that it should be, NaN at padding."""
        token_ids, ratings = self.inputs[rows], self.ratings[rows, None]
        is_text = torch.arange(token_ids.shape[1]) < model.lengths(token_ids)[:, None]
        return model.running_scores(token_ids), torch.where(is_text, ratings, math.nan)

    @staticmethod
    def loss(scores: Float[Tensor, "rows length"], ratings: Float[Tensor, "rows length"]) -> Float[Tensor, ""]:
        """Mean squared error at eos, plus the weighted mean over all tokens: a denser signal to learn from."""
        is_text = ~ratings.isnan()
        weights = is_text.cumsum(dim=1) / is_text.sum(dim=1, keepdim=True) * is_text
        errors = (scores - ratings.nan_to_num()) ** 2
        return F.mse_loss(*at_eos(scores, ratings)) + (weights * errors).sum() / weights.sum()

    def measure(self, first: Float[Tensor, "rows length"], second: Float[Tensor, "rows length"]) -> Record:
        """How scores of whole texts go with ratings."""
        return super().measure(*at_eos(first, second))


def at_eos(
    scores: Float[Tensor, "rows length"], ratings: Float[Tensor, "rows length"]
) -> tuple[Float[Tensor, " rows"], Float[Tensor, " rows"]]:
    """Scores and ratings of whole texts."""
    lengths = (~ratings.isnan()).sum(dim=1, keepdim=True)
    return scores.gather(1, lengths - 1)[:, 0], ratings[:, 0]


def train(
    model: nn.Module, examples: Examples, settings: FitSettings, *, validate: Callable | None = None
) -> list[Record]:
    """Run the training loop to its end, in place; returns every 20th record and those with validation."""
    generator = torch.Generator().manual_seed(0)
    records = fit(model, examples, settings=settings, generator=generator, validate=validate)
    return [record for record in records if record["step"] % LOG_EVERY == 0 or "validation_pearson_r" in record]


def train_mlp(examples: Examples, settings: FitSettings, *, seed: int = 0) -> MLPRewardModel:
    """Train the small network on features."""
    torch.manual_seed(seed)
    model = MLPRewardModel()
    train(model, examples, settings)
    return model


def pairs_of(inputs: Tensor, sentences: Sequence[RatedSentence]) -> PreferredTexts:
    """Draw preference pairs from single raters."""
    pairs = draw_pairs(sentences, count=PAIRS, generator=torch.Generator().manual_seed(0))
    return PreferredTexts.from_pairs(inputs, sentences, pairs)


def train_gpt2(
    sentences: Sequence[RatedSentence], generated: list[dict], name: Path
) -> tuple[RewardModel, list[Record]]:
    """Train the small GPT-2 on the ratings and, on sentences that nobody rated, on the teacher's scores."""
    validation = load_ratings(split="validation")

    def validate(model: RewardModel) -> Record:
        return agreement(model.score([sentence.text for sentence in validation]), mean_ratings(validation).float())

    model = new_reward_model(name, generator=torch.Generator().manual_seed(0))
    texts = [sentence.text for sentence in sentences] * RATED_WEIGHT + [record["text"] for record in generated]
    ratings = [sentence.mean for sentence in sentences] * RATED_WEIGHT + [record["score"] for record in generated]
    examples = RatedPrefixes(model.encode(texts), torch.tensor(ratings))
    return model, train(model, examples, GPT2_ON_ALL, validate=validate)


def train_gpt2_on_pairs(sentences: Sequence[RatedSentence], name: Path) -> RewardModel:
    """Train the small GPT-2 on preference pairs alone."""
    model = new_reward_model(name, generator=torch.Generator().manual_seed(0))
    train(model, pairs_of(model.encode([sentence.text for sentence in sentences]), sentences), GPT2_ON_PAIRS)
    return model


def normalise(model: RewardModel, name: Path) -> None:
    """Set gain and bias so that what the language model writes scores 0 on average, with a standard deviation of 1."""
    lm, tokenizer = load_language_model(name)
    prompts = review_prompts(load_ratings(split="train"), tokenizer, prompt_len=RunSettings().prompt_len)
    rollout = sample(
        Policy.of(lm, tokenizer),
        prompts[:REFERENCE_SAMPLES],
        response_len=RunSettings().response_len,
        temperature=RunSettings().temperature,
        generator=torch.Generator().manual_seed(0),
    )
    Scorer(tokenizer, model).normalise_on(rollout)


def measure(scores: dict[str, Float[Tensor, " test"]], sentences: Sequence[RatedSentence]) -> dict[str, Record]:
    """Compare scores of the test sentences with their ratings, beside the recorded baselines."""
    rows = json.loads(BASELINES.read_text(encoding="utf-8"))["scorers"]
    for name, row in scores.items():
        figures = agreement(row.detach().double(), mean_ratings(sentences))
        rows[name] = {key: round(value, 4) for key, value in figures.items()}
    return dict(sorted(rows.items(), key=lambda item: item[1]["pearson_r"]))


def make_reward_model(*, name: Path = TINY_GPT2, out: Path = REWARD_MODEL) -> None:
    """Train the shipped reward model; write it, its log, and how it was made."""
    started = time.perf_counter()
    rated, generated = load_ratings(split="train"), read_generated()
    model, log = train_gpt2(rated, generated, name)
    normalise(model, name)
    out.mkdir(parents=True, exist_ok=True)
    model.save(out)
    write_lines(out / "training_log.jsonl", log)
    record = {
        "made_with": COMMAND,
        "seconds": round(time.perf_counter() - started),
        "examples": {"rated": len(rated), "rated_weight": RATED_WEIGHT, "generated": len(generated)},
        "settings": asdict(GPT2_ON_ALL),
        "versions": versions(),
    }
    write_json(out / "training.json", record)


def make_results(*, name: Path = TINY_GPT2, out: Path = REWARD_MODEL) -> None:
    """Measure the shipped reward model and its simpler relatives on the test split; write the table."""
    rated, test = load_ratings(split="train"), load_ratings(split="test")
    inputs, test_inputs, test_texts = load_features(rated), load_features(test), [sentence.text for sentence in test]
    on_ratings = RatedTexts(inputs, mean_ratings(rated).float())
    scores = {
        "MLP on features, from preferences": train_mlp(pairs_of(inputs, rated), MLP_ON_PAIRS)(test_inputs),
        "MLP on features, from ratings": train_mlp(on_ratings, MLP_ON_RATINGS)(test_inputs),
        "GPT-2, from preferences": train_gpt2_on_pairs(rated, name).score(test_texts),
        SHIPPED: load_reward_model(out).score(test_texts),
    }
    settings = {
        "MLP on features, from preferences": asdict(MLP_ON_PAIRS) | {"pairs": PAIRS},
        "MLP on features, from ratings": asdict(MLP_ON_RATINGS),
        "GPT-2, from preferences": asdict(GPT2_ON_PAIRS) | {"pairs": PAIRS},
    }
    table = {"made_with": COMMAND, "measured_on": MEASURED_ON, "scorers": measure(scores, test), "settings": settings}
    write_json(out / "results.json", table)


@entry_point
def main(arguments: list[str] | None = None) -> None:
    """Train the reward model, then measure it."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args(arguments)
    make_reward_model()
    make_results()


if __name__ == "__main__":
    sys.exit(main())
