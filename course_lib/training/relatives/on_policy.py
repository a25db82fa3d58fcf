"""REINFORCE, RLOO and GRPO: PPO's loop with two other choices, and neither a value function nor GAE.

A text is one action: it has one advantage. What it is compared with, and where KL enters, is what tells them apart.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from jaxtyping import Float, Int
from torch import Tensor, nn

from course_lib.equations.masking import masked_mean
from course_lib.equations.policy_gradient import (
    grpo_advantages,
    grpo_loss,
    reinforce_advantages,
    reinforce_loss,
    rloo_advantages,
)
from course_lib.equations.ppo import clipped_objective, probability_ratio
from course_lib.training.method import Experience, Mask, Method, Numbers, Texts, Tokens
from course_lib.training.own_equations import with_parts
from course_lib.training.ppo import measure_step
from course_lib.training.progress import Progress
from course_lib.training.record import Record
from course_lib.training.settings import PPOSettings

RESPONSES = 4  # to each prompt


@dataclass
class REINFORCE(Method):
    """A text is compared with the rest of the batch; KL is charged in its return. One step a batch.

    Source: Williams 1992 (Machine Learning 8, 229).
    """

    reinforce_advantages: Callable = reinforce_advantages
    reinforce_loss: Callable = reinforce_loss

    def advantages(
        self, rewards: Tokens, values: Tokens, scores: Texts, response_mask: Mask, *, settings: PPOSettings
    ) -> tuple[Numbers, Numbers]:
        """The return of a text is the sum of PPO's rewards: its score less kl_coef * log(p / p_reference)."""
        returns = rewards.sum(dim=1)
        return self.reinforce_advantages(returns), returns

    def minibatches(self, experience: Experience, *, settings: PPOSettings, progress: Progress) -> Iterator[Experience]:
        """The whole batch, once, in every process: after a step the policy is no longer the one that sampled it."""
        yield replace(experience, share=1 / progress.team.size)

    def loss(
        self, policy: nn.Module, minibatch: Experience, *, settings: PPOSettings, kl_coef: float
    ) -> tuple[Float[Tensor, ""], Record]:
        """The policy gradient's loss."""
        mask = minibatch.response_mask
        new = self.read(policy, minibatch.token_ids, mask, temperature=settings.temperature)
        loss = self.reinforce_loss(new.logprobs, minibatch.advantages, mask)
        return loss, {"loss": loss.item(), "entropy": masked_mean(new.entropy, mask).item()}


@dataclass
class RLOO(REINFORCE):
    """A text is compared with the others to its prompt; the rest is as in REINFORCE.

    Source: Ahmadian et al. 2024 (arXiv:2402.14740).
    """

    responses: int = RESPONSES
    rloo_advantages: Callable = rloo_advantages

    def advantages(
        self, rewards: Tokens, values: Tokens, scores: Texts, response_mask: Mask, *, settings: PPOSettings
    ) -> tuple[Numbers, Numbers]:
        """Returns as in REINFORCE, each less the mean of the others to the same prompt."""
        returns = rewards.sum(dim=1)
        return self.rloo_advantages(returns.view(-1, self.responses)).flatten(), returns


@dataclass
class GRPO(Method):
    """A text's score is whitened among those to its prompt; KL is charged in the loss. PPO's clipped passes.

    Source: Shao et al. 2024 (arXiv:2402.03300), algorithm 1.
    """

    responses: int = RESPONSES
    grpo_advantages: Callable = grpo_advantages
    probability_ratio: Callable = probability_ratio
    clipped_objective: Callable = clipped_objective
    grpo_loss: Callable | None = None

    def advantages(
        self, rewards: Tokens, values: Tokens, scores: Texts, response_mask: Mask, *, settings: PPOSettings
    ) -> tuple[Numbers, Numbers]:
        """The scores, whitened for each prompt; KL has no part in them."""
        return self.grpo_advantages(scores.view(-1, self.responses)).flatten(), scores

    def loss(
        self, policy: nn.Module, minibatch: Experience, *, settings: PPOSettings, kl_coef: float
    ) -> tuple[Float[Tensor, ""], Record]:
        """The clipped objective with one advantage for a whole text, and k3 of each token."""
        mask, old, advantages = minibatch.response_mask, minibatch.old_logprobs, minibatch.advantages
        new = self.read(policy, minibatch.token_ids, mask, temperature=settings.temperature)
        parts = {"ratio": self.probability_ratio, "objective": self.clipped_objective}
        climb, clip_eps = with_parts(self.grpo_loss, grpo_loss, **parts), settings.clip_eps
        loss = climb(new.logprobs, old, minibatch.ref_logprobs, advantages, mask, clip_eps=clip_eps, kl_coef=kl_coef)
        of_tokens = advantages.unsqueeze(1).expand_as(old)
        record = {"loss": loss.item(), "entropy": masked_mean(new.entropy, mask).item()}
        return loss, record | measure_step(new.logprobs.detach(), old, of_tokens, mask, clip_eps=clip_eps)

    def weight(self, response_mask: Mask) -> Int[Tensor, ""]:
        """The loss is a mean over texts, whatever their length."""
        return response_mask.any(dim=1).sum()
