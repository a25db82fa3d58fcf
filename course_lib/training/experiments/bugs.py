"""Five silent mistakes: each is PPO but for one line, raises nothing, and spoils the training."""

from dataclasses import dataclass, replace
from itertools import islice

import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_lib.equations.advantages import kl_shaped_rewards
from course_lib.training.files.errors import CourseError
from course_lib.training.files.paths import REWARD_MODEL
from course_lib.training.method import Experience, Mask, Method, PerToken
from course_lib.training.ppo import PPO
from course_lib.training.reward_model import load_reward_model
from course_lib.training.rollout import Rollout
from course_lib.training.settings import PPOSettings, RunSettings
from course_lib.training.setup import Setup


def kl_sign(
    scores: Float[Tensor, " batch"], logprobs: PerToken, ref_logprobs: PerToken, response_mask: Mask, *, kl_coef: float
) -> PerToken:
    """Wrong: the penalty is added, so the policy is paid for leaving the reference."""
    return kl_shaped_rewards(scores, logprobs, ref_logprobs, response_mask, kl_coef=-kl_coef)


def reward_on_the_wrong_token(
    scores: Float[Tensor, " batch"], logprobs: PerToken, ref_logprobs: PerToken, response_mask: Mask, *, kl_coef: float
) -> PerToken:
    """Wrong: the score is paid at the first token, so no later token is praised or blamed for it."""
    nothing = torch.zeros_like(scores)
    rewards = kl_shaped_rewards(nothing, logprobs, ref_logprobs, response_mask, kl_coef=kl_coef)
    rewards[:, 0] += scores
    return rewards


def not_whitened(values: PerToken, mask: Mask) -> PerToken:
    """Wrong: advantages keep their scale and their mean, so what the value function missed pushes every token."""
    return values


@dataclass
class PromptNotMasked(PPO):
    """Wrong: the prompt's tokens count as response, so the policy is trained on words that it did not write."""

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
        """As PPO, with all but the first token as response."""
        bos, prompt = rollout.prompt_ids[:, :1], rollout.prompt_ids[:, 1:]
        mask = torch.cat([torch.ones_like(prompt, dtype=torch.bool), rollout.response_mask], dim=1)
        everything = Rollout(bos, torch.cat([prompt, rollout.response_ids], dim=1), mask, rollout.ended)
        return super().gather(policy, reference, everything, scores, kl_coef=kl_coef, settings=settings)


@dataclass
class LogprobsShifted(PPO):
    """Wrong: each token is given the old log-probability of the next, so the ratio compares two different tokens."""

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
        """As PPO, and then shifted."""
        experience = super().gather(policy, reference, rollout, scores, kl_coef=kl_coef, settings=settings)
        return replace(experience, old_logprobs=experience.old_logprobs.roll(-1, dims=1))


BUGS: dict[str, Method] = {
    "healthy": PPO(),
    "kl sign": PPO(kl_shaped_rewards=kl_sign),
    "prompt not masked": PromptNotMasked(),
    "logprobs shifted": LogprobsShifted(),
    "advantages not whitened": PPO(whiten=not_whitened),
    "reward on the wrong token": PPO(kl_shaped_rewards=reward_on_the_wrong_token),
}


def rerun(name: str, *, steps: int = 4, settings: RunSettings | None = None) -> islice:
    """Train anew with one of the mistakes, for a few steps: records for `watch`.

    Raises:
        CourseError: no mistake has that name.
    """
    if name not in BUGS:
        raise CourseError(f"Expected one of {', '.join(BUGS)}, but {name!r} came; choose one of them.")
    setup = Setup(settings or RunSettings())
    scorer = setup.scorer(load_reward_model(setup.settings.reward_model or REWARD_MODEL))
    return islice(setup.records(scorer, method=BUGS[name]), steps)
