"""Verifiers: programs that say of a text whether it keeps a rule, 1 or 0, in the place of a reward model."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_lib.training.files.paths import REWARD_MODEL
from course_lib.training.ppo import PPO
from course_lib.training.record import Record
from course_lib.training.relatives.on_policy import GRPO, RLOO, DrGRPO
from course_lib.training.reward_model import load_reward_model
from course_lib.training.rollout import Rollout
from course_lib.training.scorer import Scorer, TextScorer
from course_lib.training.setup import Setup

# what the recorded runs share: a score of 0 or 1 alone, and values that know nothing beforehand
SETTINGS = {"missing_eos_penalty": 0.0, "value_network": "policy", "lam": 0.95}
METHODS = {"PPO": PPO(), "RLOO": RLOO(), "GRPO": GRPO(), "Dr. GRPO": DrGRPO()}
LEARNING_RATES = {"PPO": 1e-3, "RLOO": 2e-3, "GRPO": 1e-3, "Dr. GRPO": 1e-3}
LOOKS_ON = "reward_model"  # the onlooker's name in records
ROWS = 256  # texts sampled together


class Verifier:
    """A rule in the place of a reward model: 1 for a text that keeps it, 0 for one that does not."""

    def __init__(self, rule: Callable[[str], bool]):
        self.rule = rule
        self.gain, self.bias = 1.0, 0.0

    def score(self, texts: Sequence[str]) -> Float[Tensor, " texts"]:
        """One score for each text."""
        return self.gain * torch.tensor([float(self.rule(text)) for text in texts]) + self.bias


class VerifierScorer(Scorer):
    """Scores with a verifier, for a policy to please; the reward model looks on, as the independent judge does.

    `responses` of them continue each prompt, so that groups in which not all are equal can be counted.
    """

    def __init__(self, setup: Setup, verifier: TextScorer, *, responses: int = 1):
        super().__init__(setup.tokenizer, verifier)
        folder = setup.settings.reward_model or REWARD_MODEL
        self.onlooker = setup.scorer(load_reward_model(folder, device=setup.device)).reward_model
        self.responses = responses

    def measure(self, rollout: Rollout) -> Record:
        """What the judge, the signs of degradation and the reward model say; how long texts are that fail."""
        passed = self.score(rollout)
        failed, groups = passed == 0, passed.view(-1, self.responses)
        lengths = rollout.response_mask.sum(dim=1).float()
        return super().measure(rollout) | {
            LOOKS_ON: self.onlooker.score(self.texts(rollout)).mean().item(),
            "failed_length": lengths[failed].mean().item() if failed.any() else None,
            "mixed_groups": (groups != groups[:, :1]).any(dim=1).float().mean().item(),
        }


def evaluate(setup: Setup, scorer: VerifierScorer) -> tuple[Record, list[dict]]:
    """Judge the policy on held-out prompts, as `Setup.evaluate` does, by the reward model too."""
    metrics, rows = setup.evaluate(scorer)
    theirs = scorer.onlooker.score([row["text"] for row in rows])
    rows = [row | {LOOKS_ON: value} for row, value in zip(rows, theirs.tolist(), strict=True)]
    return metrics | {LOOKS_ON: theirs.mean().item()}, rows


def count_passes(setup: Setup, scorer: Scorer, *, prompts: int, samples: int) -> Int[Tensor, " prompts"]:
    """How many of so many continuations of each of the first held-out prompts keep the rule."""
    rows, generator = setup.test_prompts[:prompts].repeat_interleave(samples, dim=0), setup.generator(4)
    rollouts = (setup.continue_prompts(part, generator) for part in rows.split(ROWS))
    passed = torch.cat([scorer.score(rollout) for rollout in rollouts])
    return passed.view(-1, samples).sum(dim=1).long()
