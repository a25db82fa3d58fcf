"""Rewards of 0 or 1, as a verifier gives them: what sampling finds, and what the best policy would pass."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def pass_at_k(passed: Int[Tensor, " prompts"], *, samples: int, k: int) -> Float[Tensor, " prompts"]:
    """Estimate without bias the chance that one or more of k samples pass, one number a prompt.

    passed counts the samples that pass out of N = samples: pass@k = 1 - C(N - passed, k) / C(N, k), the share of all
    sets of k in which not all fail. 1 - (1 - passed / N)^k would lie below it.

    Raises:
        ValueError: k is below 1 or above the number of samples, or a count is not from 0 to it.

    Source: Chen et al. 2021, equation 1 (arXiv 2107.03374).
    """
    if not 1 <= k <= samples:
        raise ValueError(f"expected k from 1 to the number of samples, {samples}, got {k}")
    if not ((passed >= 0) & (passed <= samples)).all():
        raise ValueError(f"expected counts from 0 to the number of samples, {samples}, got {passed.tolist()}")
    drawn = torch.arange(k, dtype=torch.float64, device=passed.device)
    failing = samples - passed.unsqueeze(1)
    return 1 - ((failing - drawn) / (samples - drawn)).prod(dim=1)  # with fewer failing than k, one factor is 0


def mixed_share(pass_rate: Float[Tensor, "*shape"], *, responses: int) -> Float[Tensor, "*shape"]:
    """Say how often the rewards of a group are not all equal: 1 - p^k - (1 - p)^k, k responses of which each passes p.

    RLOO and GRPO learn from such groups alone: where all pass or none does, every advantage is 0.

    Raises:
        ValueError: there are fewer than two responses, or a rate is outside [0, 1].

    Source: Yu et al. 2025, section 3.2 (arXiv 2503.14476), who sample anew until a batch has only such groups.
    """
    if responses < 2:
        raise ValueError(f"expected at least two responses to compare, got {responses}")
    _require_rates(pass_rate)
    return 1 - pass_rate**responses - (1 - pass_rate) ** responses


def best_pass_rate(ref_pass_rate: Float[Tensor, "*shape"], *, kl_coef: float | int) -> Float[Tensor, "*shape"]:
    """Say how often the policy that climbs pass rate - kl_coef * KL to the top passes: logit + 1 / kl_coef.

    It is optimal_policy for a reward of 1 or 0: every text that passes becomes e^(1 / kl_coef) times as likely beside
    one that does not. Rewards the same, pass_rate = p e^(1 / kl_coef) / (p e^(1 / kl_coef) + 1 - p).

    Raises:
        ValueError: kl_coef is not above 0, or a rate is outside [0, 1].

    Source: the optimum of Rafailov et al. 2023, equation 4 (arXiv 2305.18290), for a reward of 1 or 0.
    """
    if not kl_coef > 0:
        raise ValueError(f"expected kl_coef above 0, got {kl_coef}")
    _require_rates(ref_pass_rate)
    return torch.sigmoid(torch.logit(ref_pass_rate) + 1 / kl_coef)


def least_kl(pass_rate: Float[Tensor, "*shape"], ref_pass_rate: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Say how far a policy must be from the reference to pass so often: no policy with this pass rate has a lower KL.

    KL = q log(q / p) + (1 - q) log((1 - q) / (1 - p)), q the policy's rate and p the reference's, in nats; of rates
    over many prompts, with the KL as its mean over them. The policies of `best_pass_rate` have it, and for q = 1 the
    reference's own texts that pass: -log p. Infinite where the reference passes never, or always, and the policy not.

    Raises:
        ValueError: a rate is outside [0, 1].

    Source: the data processing inequality (Cover and Thomas 2006, section 2.8) for the question whether a text passes.
    """
    _require_rates(pass_rate)
    _require_rates(ref_pass_rate)
    q, p = pass_rate, ref_pass_rate
    return torch.xlogy(q, q) - torch.xlogy(q, p) + torch.xlogy(1 - q, 1 - q) - torch.xlogy(1 - q, 1 - p)


def _require_rates(rates: Float[Tensor, "*shape"]) -> None:
    if not ((rates >= 0) & (rates <= 1)).all():
        raise ValueError(f"expected rates in [0, 1], got {rates.tolist()}")
