"""How the true reward rises and falls as a policy follows a proxy: two functional forms, their peaks and their fits.

d = sqrt(KL from the reference), KL in nats per text. Rewards count from the reference: it has reward 0.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

Points = Float[Tensor, "*points"]


def best_of_n_form(kl: Points, *, alpha: float | int, beta: float | int) -> Points:
    """Predict the gold reward of best-of-n: R = d (alpha - beta d). NaN where kl is negative.

    Source: Gao et al. 2022, section 1 (arXiv 2210.10760).
    """
    d = kl.sqrt()
    return d * (alpha - beta * d)


def rl_form(kl: Points, *, alpha: float | int, beta: float | int) -> Points:
    """Predict the gold reward of reinforcement learning: R = d (alpha - beta log d), 0 at d = 0. NaN where kl < 0.

    Source: Gao et al. 2022, section 1 (arXiv 2210.10760).
    """
    d = kl.sqrt()
    return alpha * d - beta * torch.special.xlogy(d, d)


def best_of_n_peak(alpha: float | int, beta: float | int) -> float:
    """Find the d at which `best_of_n_form` is highest: alpha / (2 beta).

    0 where it only falls (alpha and beta not both above 0), infinity where it rises for ever (beta 0 or less).

    Source: the zero of the derivative alpha - 2 beta d.
    """
    if beta <= 0:
        return math.inf if alpha > 0 or beta < 0 else 0.0
    return max(alpha, 0.0) / (2 * beta)


def rl_peak(alpha: float | int, beta: float | int) -> float:
    """Find the d at which `rl_form` is highest: exp(alpha / beta - 1). Infinity where beta is 0 or less.

    Source: the zero of the derivative alpha - beta (log d + 1).
    """
    exponent = alpha / beta - 1 if beta > 0 else math.inf
    return math.exp(exponent) if exponent < 700 else math.inf


def fit_best_of_n_form(kl: Float[Tensor, " points"], rewards: Float[Tensor, " points"]) -> tuple[float, float]:
    """Fit alpha and beta of `best_of_n_form` by least squares: R is linear in them.

    Raises:
        ValueError: fewer than two different kl above 0, or a number that is not finite.

    Source: Gao et al. 2022, section 3 (arXiv 2210.10760), for the form; Gauss for the fit.
    """
    d = _distances(kl, rewards)
    return _least_squares(torch.stack([d, -d * d], dim=1), rewards)


def fit_rl_form(kl: Float[Tensor, " points"], rewards: Float[Tensor, " points"]) -> tuple[float, float]:
    """Fit alpha and beta of `rl_form` by least squares: R is linear in them.

    Raises:
        ValueError: fewer than two different kl above 0, or a number that is not finite.

    Source: Gao et al. 2022, section 3 (arXiv 2210.10760), for the form; Gauss for the fit.
    """
    d = _distances(kl, rewards)
    return _least_squares(torch.stack([d, -torch.special.xlogy(d, d)], dim=1), rewards)


def _distances(kl: Float[Tensor, " points"], rewards: Float[Tensor, " points"]) -> Float[Tensor, " points"]:
    d = kl.double().sqrt()
    if not (d.isfinite().all() and rewards.isfinite().all() and len(d[d > 0].unique()) >= 2):
        raise ValueError("expected finite rewards at finite kl of 0 or more, two of them different and above 0")
    return d


def _least_squares(columns: Float[Tensor, "points 2"], rewards: Float[Tensor, " points"]) -> tuple[float, float]:
    alpha, beta = torch.linalg.lstsq(columns, rewards.double()[:, None]).solution[:, 0].tolist()
    return alpha, beta
