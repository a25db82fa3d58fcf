"""How good k1, k2 and k3 are as estimates of the KL, and as losses: summed over all that could be sampled."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_lib.equations.kl import exact_kl, k1, k2, k3
from course_lib.training.experiments.toy_language import token_logprobs_of_texts
from course_lib.training.rollout import Rollout

ESTIMATORS = {"k1": k1, "k2": k2, "k3": k3}
Errors = dict[str, tuple[float, float]]  # bias and standard deviation of one estimate, both over the KL


@torch.no_grad()
def response_logits(lm: nn.Module, rollout: Rollout, *, temperature: float) -> Float[Tensor, "tokens vocab"]:
    """Logits, divided by the temperature, from which each real response token was or might have been drawn."""
    ids = rollout.token_ids
    logits = lm(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False).logits
    return logits[:, rollout.prompt_ids.shape[1] - 1 : -1][rollout.response_mask].float() / temperature


def estimator_errors(
    logits: Float[Tensor, "tokens vocab"], ref_logits: Float[Tensor, "tokens vocab"]
) -> tuple[float, Errors]:
    """Measure each estimator over all that the policy could sample; returns the mean KL a token, and the errors.

    An estimate is of one token, drawn from the policy at any of the places. A token whose probability rounds to 0 adds
    nothing.
    """
    logprobs, ref_logprobs = (some.double().log_softmax(dim=-1) for some in (logits, ref_logits))
    chances = logprobs.exp() / len(logits)
    kl = exact_kl(logits.double()[None], ref_logits.double()[None]).mean().item()
    errors = {}
    for name, estimator in ESTIMATORS.items():
        estimates = torch.where(chances > 0, estimator(logprobs, ref_logprobs), 0.0)
        mean = (chances * estimates).sum()
        spread = (chances * (estimates - mean) ** 2).sum().sqrt()
        errors[name] = ((mean.item() - kl) / kl, spread.item() / kl)
    return kl, errors


def errors_by_distance(
    logits: Float[Tensor, "tokens vocab"], ref_logits: Float[Tensor, "tokens vocab"], distances: list[float]
) -> list[tuple[float, Errors]]:
    """Measure them for policies on the line from the reference, 0, through the policy, 1, and beyond it.

    At each place the logits are ref_logits + distance * (logits - ref_logits).
    """
    return [estimator_errors(ref_logits + distance * (logits - ref_logits), ref_logits) for distance in distances]


def loss_directions(
    logits: Float[Tensor, "prefixes vocab"], ref_logits: Float[Tensor, "prefixes vocab"]
) -> dict[str, tuple[float, float]]:
    """Say where each estimator's gradient points if it is a loss on sampled texts of the toy language.

    Two cosines: with the gradient of KL(policy || reference) and with that of KL(reference || policy); 0 where the
    expected gradient is 0. As in a sample, no gradient goes through how often a text is written.
    """
    logits = logits.detach().clone().requires_grad_()
    p, q = (token_logprobs_of_texts(table).sum(dim=-1) for table in (logits, ref_logits))

    def gradient(loss: Float[Tensor, ""]) -> Float[Tensor, " numbers"]:
        return torch.autograd.grad(loss, logits, retain_graph=True)[0].flatten()

    kl, reverse_kl = gradient((p.exp() * (p - q)).sum()), gradient((q.exp() * (q - p)).sum())
    cosines = {}
    for name, estimator in ESTIMATORS.items():
        along = gradient((p.exp().detach() * estimator(p, q)).sum())
        cosines[name] = tuple(torch.cosine_similarity(along, of, dim=0, eps=1e-3).item() for of in (kl, reverse_kl))
    return cosines
