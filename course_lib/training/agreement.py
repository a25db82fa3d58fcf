"""How well a scorer agrees with people: correlation with their ratings, and which of two sentences they like more."""

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.equations.preferences import pair_accuracy

CLEAR_GAP = 1.0  # rating points from which people see a difference with little doubt


def pearson_r(scores: Float[Tensor, " texts"], ratings: Float[Tensor, " texts"]) -> float:
    """Correlate scores with mean ratings, r = cov(scores, ratings) / (sd(scores) * sd(ratings)); 0 for equal scores."""
    if scores.std(correction=0) == 0 or ratings.std(correction=0) == 0:
        return 0.0
    return torch.corrcoef(torch.stack([scores.double(), ratings.double()]))[0, 1].item()


def agreement(
    scores: Float[Tensor, " texts"], ratings: Float[Tensor, " texts"], *, pairs: int = 20_000, seed: int = 0
) -> dict[str, float]:
    """Compare scores with mean ratings: Pearson's r, and the accuracy on random pairs of texts.

    Pairs with equal mean ratings are left out, a tie of the scores counts one half; the second accuracy is that on the
    pairs whose mean ratings lie more than one point apart. One seed gives every scorer the same pairs.
    """
    generator = torch.Generator().manual_seed(seed)
    a, b = torch.randint(len(ratings), (2, pairs), generator=generator)
    a, b = torch.where(ratings[a] > ratings[b], a, b), torch.where(ratings[a] > ratings[b], b, a)
    gaps = ratings[a] - ratings[b]
    accuracies = [pair_accuracy(scores[a[keep]], scores[b[keep]]).item() for keep in (gaps > 0, gaps > CLEAR_GAP)]
    return {
        "pearson_r": pearson_r(scores, ratings),
        "pair_accuracy": accuracies[0],
        "pair_accuracy_clear_gap": accuracies[1],
    }
