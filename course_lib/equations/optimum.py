"""What a KL-penalised training climbs, and the one distribution at its top, known where all texts can be listed."""

import torch
from jaxtyping import Float
from torch import Tensor


def optimal_policy(
    ref_probabilities: Float[Tensor, "*shape texts"], rewards: Float[Tensor, "*shape texts"], *, kl_coef: float | int
) -> Float[Tensor, "*shape texts"]:
    """Tilt the reference toward the rewards: p(y) = ref_probabilities(y) * exp(rewards(y) / kl_coef) / Z.

    Z makes it add up to 1. This is the distribution that maximises `penalised_reward`, whatever the method: near the
    reference for a large kl_coef, near the best text alone for a small one. A text that the reference never writes
    keeps probability 0.

    Raises:
        ValueError: kl_coef is not positive.

    Source: Ziegler et al. 2019, section 2 (arXiv 1909.08593); Rafailov et al. 2023, equation 4 (arXiv 2305.18290).
    """
    if not kl_coef > 0:
        raise ValueError(f"expected a kl_coef above 0, got {kl_coef}")
    possible = torch.where(ref_probabilities > 0, rewards, -torch.inf)
    below_best = possible - possible.amax(dim=-1, keepdim=True)  # the difference does not overflow when divided
    return torch.softmax(ref_probabilities.log() + below_best / kl_coef, dim=-1)


def penalised_reward(
    probabilities: Float[Tensor, "*shape texts"],
    ref_probabilities: Float[Tensor, "*shape texts"],
    rewards: Float[Tensor, "*shape texts"],
    *,
    kl_coef: float | int,
) -> Float[Tensor, "*shape"]:
    """Value a policy over listed texts: J = sum_y p(y) (rewards(y) - kl_coef * log(p(y) / ref_probabilities(y))).

    That is, its mean reward less kl_coef times its KL from the reference, in nats a text; p = probabilities.

    Source: Ziegler et al. 2019, section 2 (arXiv 1909.08593).
    """
    log_ratio = torch.where(probabilities == 0, 0.0, probabilities.log() - ref_probabilities.log())
    return (probabilities * (rewards - kl_coef * log_ratio)).sum(dim=-1)
