"""Runs whose curves puzzle their readers: each is PPO but for a line, as bug reports have it."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_lib.training.experiments.recordings import Recording, by_name, load_recording
from course_lib.training.method import Experience
from course_lib.training.policy import Policy
from course_lib.training.ppo import PPO
from course_lib.training.rollout import Rollout
from course_lib.training.settings import PPOSettings


@dataclass
class EosMasked(PPO):
    """Wrong: whatever has the pad's id is padding, and the pad is eos, so no text is told of its end."""

    def gather(
        self,
        policy: nn.Module,
        reference: nn.Module,
        rollout: Rollout,
        scores: Float[Tensor, " batch"],
        *,
        kl_coef: float,
        settings: PPOSettings,
    ) -> Experience:
        """As PPO, without the eos of each response; a first token stays, so that no text is empty."""
        mask = rollout.response_mask & (rollout.response_ids != policy.eos_id)
        mask[:, 0] = True
        without_end = replace(rollout, response_mask=mask)
        return super().gather(policy, reference, without_end, scores, kl_coef=kl_coef, settings=settings)


def guess_at_random(policy: Policy) -> None:
    """Draw the weights of the value head with variance 1 / (width + 1), as OpenAI's code for summaries does."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        nn.init.normal_(policy.value_head.weight, std=(policy.value_head.in_features + 1) ** -0.5)


def three_seeds() -> dict[str, list[Recording]]:
    """The recorded runs of seeds 0, 1 and 2 by name: those of `curves`, and what they are compared with in `nats`."""
    runs = [*load_recording("nats"), *load_recording("curves")]
    return {name: sorted(each[:3], key=lambda run: run.seed) for name, each in by_name(runs).items()}
