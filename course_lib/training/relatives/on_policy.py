"""REINFORCE, RLOO, GRPO and Dr. GRPO: PPO's loop with two other choices, and neither a value function nor GAE.

A text is one action: it has one advantage. What it is compared with, and where KL enters, is what tells them apart.
"""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from course_lib.training.method import Experience, Mask, Method, PerText, PerTextOrToken, PerToken
from course_lib.training.policy import PolicyOutput
from course_lib.training.record import Record
from course_lib.training.settings import PPOSettings

RESPONSES = 4  # to each prompt


@dataclass
class REINFORCE(Method):
    """A text is compared with the rest of the batch; KL is charged in its return. One step a batch.

    Source: Williams 1992 (Machine Learning 8, 229).
    """

    one_step: ClassVar[bool] = True

    def advantages(
        self, rewards: PerToken, values: PerToken, scores: PerText, response_mask: Mask, *, settings: PPOSettings
    ) -> tuple[PerTextOrToken, PerTextOrToken]:
        """The return of a text is the sum of PPO's rewards: its score less kl_coef * log(p / p_reference)."""
        returns = rewards.sum(dim=1)
        return self.reinforce_advantages(returns), returns

    def loss(
        self, new: PolicyOutput, minibatch: Experience, *, settings: PPOSettings, kl_coef: float
    ) -> tuple[Float[Tensor, ""], Record]:
        """The policy gradient's loss."""
        loss = self.reinforce_loss(new.logprobs, minibatch.advantages, minibatch.response_mask)
        return loss, {"loss": loss.item()}


@dataclass
class RLOO(REINFORCE):
    """A text is compared with the others to its prompt; the rest is as in REINFORCE.

    Source: Ahmadian et al. 2024 (arXiv:2402.14740).
    """

    responses: int = RESPONSES

    def advantages(
        self, rewards: PerToken, values: PerToken, scores: PerText, response_mask: Mask, *, settings: PPOSettings
    ) -> tuple[PerTextOrToken, PerTextOrToken]:
        """Returns as in REINFORCE, each less the mean of the others to the same prompt."""
        returns = rewards.sum(dim=1)
        return self.rloo_advantages(returns.view(-1, self.responses)).flatten(), returns


@dataclass
class GRPO(Method):
    """A text's score is whitened among those to its prompt; KL is charged in the loss. PPO's clipped passes.

    Source: Shao et al. 2024 (arXiv:2402.03300), algorithm 1.
    """

    responses: int = RESPONSES
    mean_over_texts: ClassVar[bool] = True

    def advantages(
        self, rewards: PerToken, values: PerToken, scores: PerText, response_mask: Mask, *, settings: PPOSettings
    ) -> tuple[PerTextOrToken, PerTextOrToken]:
        """The scores, whitened for each prompt; KL has no part in them."""
        return self.grpo_advantages(scores.view(-1, self.responses)).flatten(), scores

    def loss(
        self, new: PolicyOutput, minibatch: Experience, *, settings: PPOSettings, kl_coef: float
    ) -> tuple[Float[Tensor, ""], Record]:
        """The clipped objective with one advantage for a whole text, and k3 of each token."""
        loss = self.whole_grpo_loss(
            new.logprobs,
            minibatch.old_logprobs,
            minibatch.ref_logprobs,
            minibatch.advantages,
            minibatch.response_mask,
            clip_eps=settings.clip_eps,
            kl_coef=kl_coef,
        )
        return loss, {"loss": loss.item()}


@dataclass
class DrGRPO(GRPO):
    """GRPO without its two divisions, by a group's spread and by a text's length; KL, if any, in the return as in RLOO.

    Source: Liu et al. 2025, section 3.2 (arXiv:2503.20783), who leave out the KL.
    """

    def advantages(
        self, rewards: PerToken, values: PerToken, scores: PerText, response_mask: Mask, *, settings: PPOSettings
    ) -> tuple[PerTextOrToken, PerTextOrToken]:
        """Returns as in REINFORCE, each less the mean of its prompt's."""
        returns = rewards.sum(dim=1)
        groups = returns.view(-1, self.responses)
        return (groups - groups.mean(dim=1, keepdim=True)).flatten(), returns

    def loss(
        self, new: PolicyOutput, minibatch: Experience, *, settings: PPOSettings, kl_coef: float
    ) -> tuple[Float[Tensor, ""], Record]:
        """The clipped objective with one advantage for a whole text, every token weighing the same."""
        loss = self.whole_dr_grpo_loss(
            new.logprobs,
            minibatch.old_logprobs,
            minibatch.advantages,
            minibatch.response_mask,
            longest=settings.response_len,
            clip_eps=settings.clip_eps,
        )
        return loss, {"loss": loss.item()}
