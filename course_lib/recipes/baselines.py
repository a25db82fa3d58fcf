"""What a reward model has to beat, and what it can hope for: writes `data/ratings/baselines.json`.

Made with `python -m course_lib.recipes.baselines`, in seconds; needs scikit-learn (the extra `benchmark`).
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

import torch
from jaxtyping import Float
from torch import Tensor
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from course_lib.training.agreement import agreement, pearson_r
from course_lib.training.files.entry_point import entry_point
from course_lib.training.files.errors import CourseError
from course_lib.training.files.paths import RATINGS
from course_lib.training.files.write import write_json
from course_lib.training.ratings import RatedSentence, load_ratings

BASELINES = RATINGS.parent / "baselines.json"
ALPHAS = (0.1, 0.2, 0.5, 1.0, 2.0)  # ridge penalties, chosen between on the validation split
DRAWS = 20  # the human figures are means over as many draws of raters

Sentences = Sequence[RatedSentence]


def mean_ratings(sentences: Sentences) -> Float[Tensor, " sentences"]:
    """Return the mean rating of each sentence."""
    return torch.tensor([sentence.mean for sentence in sentences], dtype=torch.float64)


def length_scores(train: Sentences, test: Sentences) -> Float[Tensor, " test"]:
    """Score by the number of characters, in the direction that fits the training split."""
    lengths, test_lengths = (torch.tensor([float(len(s.text)) for s in split]).double() for split in (train, test))
    return test_lengths * (1 if pearson_r(lengths, mean_ratings(train)) > 0 else -1)


def vader_scores(test: Sentences) -> Float[Tensor, " test"]:
    """Score by VADER's rules: the compound value, from -1 to 1."""
    analyzer = SentimentIntensityAnalyzer()
    compounds = [analyzer.polarity_scores(sentence.text)["compound"] for sentence in test]
    return torch.tensor(compounds, dtype=torch.float64)


def tfidf_ridge_scores(train: Sentences, validation: Sentences, test: Sentences) -> Float[Tensor, " test"]:
    """Score with ridge regression on TF-IDF weights of words and word pairs."""
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import Ridge
    except ImportError:
        raise CourseError(
            "Expected scikit-learn for the TF-IDF baseline, but it is not installed; install the extra `benchmark`."
        ) from None
    vectorizer = TfidfVectorizer(ngram_range=(1, 2)).fit([sentence.text for sentence in train])
    inputs = [vectorizer.transform([sentence.text for sentence in split]) for split in (train, validation, test)]
    targets = mean_ratings(train).numpy()
    fits = [Ridge(alpha=alpha, solver="sparse_cg", tol=1e-6).fit(inputs[0], targets) for alpha in ALPHAS]
    held_out = [pearson_r(torch.from_numpy(fit.predict(inputs[1])), mean_ratings(validation)) for fit in fits]
    best = fits[held_out.index(max(held_out))]
    return torch.from_numpy(best.predict(inputs[2]))


def human_agreement(test: Sentences, *, raters: int | None) -> dict[str, float]:
    """Compare `raters` people, drawn anew for each sentence, with the mean of the others; None: half of them."""
    draws = []
    for seed in range(DRAWS):
        generator = torch.Generator().manual_seed(seed)
        drawn, others = [], []
        for sentence in test:
            order = torch.randperm(len(sentence.ratings), generator=generator)
            ratings, cut = torch.tensor(sentence.ratings).double()[order], raters or len(order) // 2
            drawn.append(ratings[:cut].mean())
            others.append(ratings[cut:].mean())
        draws.append(agreement(torch.stack(drawn), torch.stack(others), seed=seed))
    return {key: mean(draw[key] for draw in draws) for key in draws[0]}


def make_baselines(out: Path = BASELINES) -> dict:
    """Measure every baseline and the human ceiling on the test split, write them to `out` and return them."""
    train, validation, test = (load_ratings(split=split) for split in ("train", "validation", "test"))
    scores = {
        "one score for all": torch.zeros(len(test), dtype=torch.float64),
        "length": length_scores(train, test),
        "VADER's rules": vader_scores(test),
        "TF-IDF + ridge": tfidf_ridge_scores(train, validation, test),
    }
    figures = {name: agreement(row, mean_ratings(test)) for name, row in scores.items()}
    figures["one person"] = human_agreement(test, raters=1)
    figures["half of the people"] = human_agreement(test, raters=None)
    record = {
        "made_with": "python -m course_lib.recipes.baselines",
        "measured_on": f"the {len(test)} test sentences, 20,000 random pairs; people against the mean of the others",
        "scorers": {name: {key: round(value, 4) for key, value in row.items()} for name, row in figures.items()},
    }
    write_json(out, record)
    return record


@entry_point
def main(arguments: list[str] | None = None) -> None:
    """Measure the baselines."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args(arguments)
    make_baselines()


if __name__ == "__main__":
    sys.exit(main())
