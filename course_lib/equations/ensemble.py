"""One score from several reward models that were trained alike: a pessimist's, where they disagree."""

from jaxtyping import Float
from torch import Tensor


def worst_score(scores: Float[Tensor, "models texts"]) -> Float[Tensor, " texts"]:
    """Believe the least friendly model: the lowest score of each text.

    Raises:
        ValueError: there is no model.

    Source: Coste et al. 2023, worst-case optimisation (arXiv 2310.02743).
    """
    _require_models(scores)
    return scores.amin(dim=0)


def mean_minus_spread(
    scores: Float[Tensor, "models texts"], *, spread_coef: float | int = 1.0
) -> Float[Tensor, " texts"]:
    """Take from the mean score of each text what the models disagree about: mean - spread_coef * sd.

    sd is that over the models, the population's, in the unit of the scores.

    Raises:
        ValueError: there is no model.

    Source: Coste et al. 2023 (arXiv 2310.02743), whose uncertainty-weighted optimisation takes the variance.
    """
    _require_models(scores)
    return (scores.double().mean(dim=0) - spread_coef * scores.double().std(dim=0, correction=0)).to(scores.dtype)


def _require_models(scores: Float[Tensor, "models texts"]) -> None:
    if len(scores) == 0:
        raise ValueError("expected the scores of at least one model, got 0")
