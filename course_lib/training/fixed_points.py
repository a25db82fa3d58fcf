"""Where each method comes to rest on the toy language: its expected gradient, followed to the end without sampling.

An expectation over texts is a sum over all 64, each weighted by the probability that the policy gives it as it is; no
gradient goes through the weights, as none goes through a sample. Groups and batches are taken as large, so that their
mean and spread are the policy's own. What follows is computed for many KL coefficients at once, one table each.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from course_lib.equations.kl import k3
from course_lib.equations.optimum import optimal_policy
from course_lib.training.toy_language import ToyTask, text_probabilities, token_logprobs_of_texts

Logprobs = Float[Tensor, "coefs texts length"]
Coefs = Float[Tensor, "coefs 1"]
Texts = Float[Tensor, "coefs texts"]
STEPS, LEARNING_RATE = 1500, 0.1


@dataclass(frozen=True)
class FixedPoints:
    """Probabilities of the texts at the end of each method, one row a KL coefficient, beside those of the optimum."""

    kl_coefs: list[float]
    reference: Float[Tensor, " texts"]
    rewards: Float[Tensor, " texts"]
    optimum: Texts
    methods: dict[str, Texts]


def kl_in_the_reward(logprobs: Logprobs, kl_coef: Coefs, task: ToyTask) -> Float[Tensor, " coefs"]:
    """What PPO, REINFORCE and RLOO climb: the return less its mean, times the text's log-probability."""
    of_text, reference = logprobs.sum(dim=-1), reference_logprobs(task).sum(dim=-1)
    probabilities = of_text.exp().detach()
    returns = task.rewards - kl_coef * (of_text.detach() - reference)
    advantages = returns - (probabilities * returns).sum(dim=-1, keepdim=True)
    return (probabilities * advantages * of_text).sum(dim=-1)


def grpo(logprobs: Logprobs, kl_coef: Coefs, task: ToyTask) -> Float[Tensor, " coefs"]:
    """What GRPO climbs: the reward less its mean, over its spread, and k3 of each token in the loss."""
    of_text = logprobs.sum(dim=-1)
    probabilities = of_text.exp().detach()
    centred = task.rewards - (probabilities * task.rewards).sum(dim=-1, keepdim=True)
    spread = (probabilities * centred**2).sum(dim=-1, keepdim=True).sqrt()
    penalty = k3(logprobs, reference_logprobs(task).expand_as(logprobs)).sum(dim=-1)
    return (probabilities * (centred / spread * of_text - kl_coef * penalty)).sum(dim=-1)


def dpo(logprobs: Logprobs, kl_coef: Coefs, task: ToyTask, *, hard_labels: bool = False) -> Float[Tensor, " coefs"]:
    """What DPO climbs on pairs that the reference wrote, labelled by chance as Bradley-Terry says.

    With hard labels the better text is always the chosen one.
    """
    reference = reference_logprobs(task).sum(dim=-1)
    pairs = reference.exp()[:, None] * reference.exp()
    gaps = task.rewards[:, None] - task.rewards
    labels = torch.heaviside(gaps, torch.tensor(0.5)) if hard_labels else torch.sigmoid(gaps)
    implicit = kl_coef * (logprobs.sum(dim=-1) - reference)
    return (pairs * labels * F.logsigmoid(implicit[:, :, None] - implicit[:, None])).sum(dim=(-1, -2))


def follow(
    objective: Callable[..., Tensor], kl_coefs: Float[Tensor, " coefs"], task: ToyTask, *, steps: int = STEPS
) -> Texts:
    """Climb an objective from the reference with Adam, its step falling to 0; returns the texts' probabilities."""
    logits = task.reference.lm.logits.detach().repeat(len(kl_coefs), 1, 1).requires_grad_()
    adam = torch.optim.Adam([logits], lr=LEARNING_RATE)
    for step in range(steps):
        adam.param_groups[0]["lr"] = LEARNING_RATE * (1 - step / steps)
        adam.zero_grad()
        (-objective(token_logprobs_of_texts(logits), kl_coefs[:, None], task).sum()).backward()
        adam.step()
    return token_logprobs_of_texts(logits).sum(dim=-1).exp().detach()


def reference_logprobs(task: ToyTask) -> Float[Tensor, "texts length"]:
    """Log-probability of each token of every text under the reference."""
    return token_logprobs_of_texts(task.reference.lm.logits)


def find_fixed_points(task: ToyTask, kl_coefs: list[float]) -> FixedPoints:
    """Follow the methods that know a KL coefficient to their ends, at each of these coefficients."""
    coefs, reference = torch.tensor(kl_coefs), text_probabilities(task.reference)
    optimum = torch.stack([optimal_policy(reference, task.rewards, kl_coef=kl_coef) for kl_coef in kl_coefs])
    objectives = {"PPO, REINFORCE, RLOO": kl_in_the_reward, "DPO": dpo, "GRPO": grpo}
    ends = {name: follow(objective, coefs, task) for name, objective in objectives.items()}
    return FixedPoints(kl_coefs, reference, task.rewards, optimum, ends)
