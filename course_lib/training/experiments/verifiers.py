"""Verifiers: programs that say of a text whether it keeps a rule, 1 or 0, in the place of a reward model."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from course_lib.training.files.paths import REWARD_MODEL
from course_lib.training.own_reward import OwnReward
from course_lib.training.ppo import PPO
from course_lib.training.record import LOOKING_ON, Record
from course_lib.training.relatives.on_policy import GRPO, RLOO, DrGRPO
from course_lib.training.reward_model import load_reward_model
from course_lib.training.rollout import Rollout
from course_lib.training.scorer import Scorer, TextScorer
from course_lib.training.setup import Setup

# what the recorded runs share: a score of 0 or 1 and nothing else, and values that know nothing beforehand
SETTINGS = {"missing_eos_penalty": 0.0, "value_network": "policy", "lam": 0.95}
METHODS = {"PPO": PPO(), "RLOO": RLOO(), "GRPO": GRPO(), "Dr. GRPO": DrGRPO()}
LEARNING_RATES = {"PPO": 1e-3, "RLOO": 2e-3, "GRPO": 1e-3, "Dr. GRPO": 1e-3}
ROWS = 256  # texts sampled together


def verifier(rule: Callable[[str], bool]) -> OwnReward:
    """A rule as a reward: 1 for a text that keeps it, 0 for one that does not."""

    def verified(texts: Sequence[str]) -> list[float]:
        return [float(rule(text)) for text in texts]

    return OwnReward(verified)


class VerifierScorer(Scorer):
    """Scores by a verifier, for a policy to please, while the reward model looks on.

    `responses` of a batch continue each prompt, so that groups in which not all are equal can be counted.
    """

    def __init__(self, setup: Setup, pleased: TextScorer, *, responses: int = 1):
        folder = setup.settings.reward_model or REWARD_MODEL
        looking_on = setup.scorer(load_reward_model(folder, device=setup.device)).reward_model
        super().__init__(setup.tokenizer, pleased, onlookers={LOOKING_ON: looking_on})
        self.responses = responses

    def measure(self, rollout: Rollout) -> Record:
        """What the judge, the signs of degradation and the reward model say; how long texts are that fail."""
        passed, lengths = self.score(rollout), rollout.response_mask.sum(dim=1).float()
        failed, groups = passed == 0, passed.view(-1, self.responses)
        return super().measure(rollout) | {
            "failed_length": lengths[failed].mean().item() if failed.any() else None,
            "mixed_groups": (groups != groups[:, :1]).any(dim=1).float().mean().item(),
        }


def count_passes(setup: Setup, scorer: Scorer, *, prompts: int, samples: int) -> Int[Tensor, " prompts"]:
    """How many of so many continuations of each of the first held-out prompts keep the rule."""
    rows, generator = setup.test_prompts[:prompts].repeat_interleave(samples, dim=0), setup.generator(4)
    rollouts = (setup.continue_prompts(part, generator) for part in rows.split(ROWS))
    passed = torch.cat([scorer.score(rollout) for rollout in rollouts])
    return passed.view(-1, samples).sum(dim=1).long()
