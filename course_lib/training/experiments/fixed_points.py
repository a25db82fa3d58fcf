"""Where each method comes to rest on the toy language: its expected gradient, followed to the end without sampling.

An expectation over texts is a sum over all 64, each weighted by the probability that the policy gives it as it is; no
gradient goes through the weights, as none goes through a sample. Groups and batches are taken as large, so that their
mean and spread are the policy's own. What follows is computed for many KL coefficients at once, one table each.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from course_lib.equations.kl import k3
from course_lib.equations.optimum import optimal_policy
from course_lib.training.experiments.toy_language import (
    ToyTask,
    text_probabilities,
    token_logprobs_of_texts,
)

Logprobs = Float[Tensor, "coefs texts length"]
Coefs = Float[Tensor, "coefs 1"]
Texts = Float[Tensor, "coefs texts"]
STEPS, LEARNING_RATE = 1500, 0.1


@dataclass(frozen=True)
class FixedPoints:
    """Probabilities of the texts at the end of each method, one row a KL coefficient, beside those of the optimum."""

    task: ToyTask
    kl_coefs: list[float]
    optimum: Texts
    methods: dict[str, Texts]


def kl_in_the_reward(logprobs: Logprobs, kl_coef: Coefs, task: ToyTask) -> Float[Tensor, " coefs"]:
    """What PPO, REINFORCE and RLOO climb: the return less its mean, times the text's log-probability."""
    return grpo(logprobs, kl_coef, task, over_spread=False, kl_in_loss=False)


def grpo(
    logprobs: Logprobs, kl_coef: Coefs, task: ToyTask, *, over_spread: bool = True, kl_in_loss: bool = True
) -> Float[Tensor, " coefs"]:
    """What GRPO climbs: the reward less its mean, over its spread, and k3 of each token in the loss.

    Without either of the two, what is left of it: the reward alone, or KL charged in the return as PPO does.
    """
    of_text, reference = logprobs.sum(dim=-1), reference_logprobs(task)
    probabilities = of_text.exp().detach()
    advantages = task.rewards - (probabilities * task.rewards).sum(dim=-1, keepdim=True)
    if over_spread:
        advantages = advantages / (probabilities * advantages**2).sum(dim=-1, keepdim=True).sqrt()
    if kl_in_loss:
        penalty = k3(logprobs, reference.expand_as(logprobs)).sum(dim=-1)
    else:
        log_ratio = of_text.detach() - reference.sum(dim=-1)
        penalty = (log_ratio - (probabilities * log_ratio).sum(dim=-1, keepdim=True)) * of_text
    return (probabilities * (advantages * of_text - kl_coef * penalty)).sum(dim=-1)


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


def implied_rewards(
    task: ToyTask, *, kl_coef: float, hard_labels: bool = False, steps: int = STEPS
) -> Float[Tensor, " texts"]:
    """Fit a policy by DPO; the reward that it implies for each text is kl_coef * log(policy / reference)."""
    (policy,) = follow(partial(dpo, hard_labels=hard_labels), torch.tensor([kl_coef]), task, steps=steps)
    return kl_coef * (policy.log() - reference_logprobs(task).sum(dim=-1))


def kl_and_reward(probabilities: Float[Tensor, " texts"], task: ToyTask) -> tuple[float, float]:
    """KL from the reference, in nats, and mean reward of a distribution over the texts."""
    log_ratio = torch.where(probabilities > 0, probabilities.log() - reference_logprobs(task).sum(dim=-1), 0.0)
    return (probabilities * log_ratio).sum().item(), (probabilities * task.rewards).sum().item()


def best_reward_at(kl: float, task: ToyTask) -> float:
    """The most reward that this KL can buy: that of the optimum which has it, found by halving an interval."""
    low, high, reference = 1e-3, 1e3, text_probabilities(task.reference)
    for _ in range(60):
        kl_coef = (low * high) ** 0.5
        reached, reward = kl_and_reward(optimal_policy(reference, task.rewards, kl_coef=kl_coef), task)
        low, high = (low, kl_coef) if reached < kl else (kl_coef, high)
    return reward


def reference_logprobs(task: ToyTask) -> Float[Tensor, "texts length"]:
    """Log-probability of each token of every text under the reference."""
    return token_logprobs_of_texts(task.reference.lm.logits)


def find_fixed_points(task: ToyTask, kl_coefs: list[float]) -> FixedPoints:
    """Follow the methods that know a KL coefficient to their ends, at each of these coefficients."""
    coefs, reference = torch.tensor(kl_coefs), text_probabilities(task.reference)
    optimum = torch.stack([optimal_policy(reference, task.rewards, kl_coef=kl_coef) for kl_coef in kl_coefs])
    objectives = {"PPO, REINFORCE, RLOO": kl_in_the_reward, "DPO": dpo, "GRPO": grpo}
    ends = {name: follow(objective, coefs, task) for name, objective in objectives.items()}
    return FixedPoints(task, kl_coefs, optimum, ends)
