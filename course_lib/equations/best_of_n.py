"""Best-of-n: sample n texts and keep the one with the highest score; ties are broken at random."""

import math

import torch
from jaxtyping import Float
from torch import Tensor


def best_of_n_kl(n: int) -> float:
    """Measure how far best-of-n moves from the policy it samples from: KL = log n - (n - 1) / n nats.

    Exact where no two samples tie: the best then has n u^(n-1) times its old density, u the share of texts that it
    beats, so KL = log n + (n - 1) E[log u], with E[log u] = -1 / n. Where texts can repeat or tie, an upper bound.

    Raises:
        ValueError: n is below 1.

    Source: Stiennon et al. 2020, appendix G.3 (arXiv 2009.01325); the bound: Beirami et al. 2024 (arXiv 2401.01879).
    """
    _require_samples(n)
    return math.log(n) - (n - 1) / n


def best_of_n_distribution(
    probabilities: Float[Tensor, " texts"], scores: Float[Tensor, " texts"], *, n: int
) -> Float[Tensor, " texts"]:
    """Say how likely each text of an enumerated language is to be the best of n: F^n - (F - f)^n.

    f is the probability of its score, F that of its score or a lower one. Texts with equal scores share in proportion
    to their probabilities.

    Raises:
        ValueError: n is below 1, or the probabilities do not add up to 1.

    Source: Beirami et al. 2024, section 2 (arXiv 2401.01879).
    """
    _require_samples(n)
    p = probabilities.double()
    if not abs(p.sum().item() - 1) < 1e-4:
        raise ValueError(f"expected probabilities that add up to 1, got {p.sum().item():.6g}")
    levels, level = scores.unique(return_inverse=True)
    f = torch.zeros_like(levels, dtype=p.dtype).index_add(0, level, p)
    up_to = f.cumsum(0)
    # F^n - (F - f)^n = F^n (1 - (1 - f / F)^n), written so that a small f is not lost beside F
    best = up_to**n * -torch.expm1(n * torch.log1p(-f / up_to))
    return torch.where(p > 0, p * (best / f)[level], 0.0).to(probabilities.dtype)


def expected_best_of_n(
    scores: Float[Tensor, "prompts samples"], values: Float[Tensor, "prompts samples"], *, n: int
) -> Float[Tensor, " prompts"]:
    """Estimate without bias the mean value of the best of n by score, one number a prompt, from N >= n samples.

    It is the mean over all subsets of n samples: sum_i C(i-1, n-1) / C(N, n) * values_i, scores in ascending order;
    equal scores share their weights. Values may be the scores themselves, or what another judge says of the texts.

    Raises:
        ValueError: n is below 1 or above the number of samples.

    Source: Nakano et al. 2021, appendix I (arXiv 2112.09332).
    """
    samples = scores.shape[1]
    if not 1 <= n <= samples:
        raise ValueError(f"expected n from 1 to the number of samples, {samples}, got {n}")
    # within[h] = C(h, n) / C(N, n): the chance that all n are among the h lowest
    h = torch.arange(1, samples + 1, dtype=torch.float64, device=scores.device)
    within = torch.cat([((h - n).clamp(min=0) / h).flip(0).cumprod(0).flip(0), torch.ones_like(h[:1])])
    ordered = scores.sort(dim=1).values
    below, up_to = (torch.searchsorted(ordered, scores.contiguous(), right=right) for right in (False, True))
    weights = (within[up_to] - within[below]) / (up_to - below)
    return (weights * values).sum(dim=1).to(values.dtype)


def _require_samples(n: int) -> None:
    if n < 1:
        raise ValueError(f"expected n of 1 or more, got {n}")
