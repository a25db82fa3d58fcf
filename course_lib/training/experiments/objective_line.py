"""Figure 2 of the PPO paper: the objectives along the line from the old parameters through the new ones."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_lib.equations.ppo import approx_kl
from course_lib.training.method import Experience
from course_lib.training.ppo import PPO
from course_lib.training.settings import PPOSettings

Places = Float[np.ndarray, " places"]

PLACES = (-0.5, -0.25, 0.0, 0.125, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0)


@dataclass(frozen=True)
class ObjectiveLine:
    """Means over the real tokens of a batch at theta_old + t * (theta_new - theta_old), one for each place t."""

    t: Places
    unclipped: Places  # ratio * A
    clipped: Places  # clip(ratio) * A
    lower_bound: Places  # the smaller of the two, token by token: the objective that PPO climbs
    kl: Places  # KL(old || new), nats a token


@torch.no_grad()
def objective_line(
    policy: nn.Module,
    old_parameters: Mapping[str, Tensor],
    experience: Experience,
    *,
    settings: PPOSettings,
    method: PPO | None = None,
    places: Sequence[float] = PLACES,
) -> ObjectiveLine:
    """Walk in a straight line from `old_parameters` (t = 0) through those of `policy` (t = 1) and beyond.

    `experience` was gathered with the old parameters, `policy.state_dict()` as it then was: the batch of the update, or
    fresh texts, on which the promises of the objectives are honest. The ratio and the objective are those of `method`.
    `policy` is left as it is.
    Source: Schulman et al. 2017, figure 2 (arXiv:1707.06347).
    """
    walker, new_parameters = copy.deepcopy(policy), policy.state_dict()
    rows = []
    for t in places:
        walker.load_state_dict({name: torch.lerp(old, new_parameters[name], t) for name, old in old_parameters.items()})
        rows.append(measure_objectives(walker, experience, settings=settings, method=method or PPO()))
    return ObjectiveLine(np.array(places), *np.array(rows).T)


def measure_objectives(
    policy: nn.Module, experience: Experience, *, settings: PPOSettings, method: PPO
) -> tuple[float, ...]:
    """The mean of ratio * A, of clip(ratio) * A and of the smaller one, and KL(old || new), over the real tokens."""
    mask = experience.response_mask
    logprobs = policy(experience.token_ids, mask, temperature=settings.temperature).logprobs
    ratio = method.probability_ratio(logprobs, experience.old_logprobs)[mask]
    advantages = experience.advantages[mask]
    clipped = ratio.clamp(1 - settings.clip_eps, 1 + settings.clip_eps) * advantages
    lower_bound = method.clipped_objective(ratio, advantages, clip_eps=settings.clip_eps)
    means = [objective.mean().item() for objective in (ratio * advantages, clipped, lower_bound)]
    return *means, approx_kl(logprobs, experience.old_logprobs, mask).item()
