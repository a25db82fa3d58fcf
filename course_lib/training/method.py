"""What a training climbs by: its equations by their names, and the experience that it gathers with them."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course_lib.equations.advantages import whiten
from course_lib.equations.masking import masked_mean
from course_lib.equations.ppo import approx_kl, clip_fraction, explained_variance, probability_ratio
from course_lib.training.equations import Equations
from course_lib.training.files.errors import CourseError
from course_lib.training.policy import PolicyOutput
from course_lib.training.progress import Progress
from course_lib.training.record import Record
from course_lib.training.rollout import Rollout, penalised
from course_lib.training.settings import PPOSettings

PerText = Float[Tensor, " batch"]
PerToken = Float[Tensor, "batch response_len"]
Mask = Bool[Tensor, "batch response_len"]
PerTextOrToken = PerText | PerToken  # of PPO's relatives one a text


@dataclass
class Experience:
    """What is known of a batch when the policy that wrote it is about to change; nothing here carries a gradient."""

    token_ids: Int[Tensor, "batch total_len"]
    response_mask: Bool[Tensor, "batch response_len"]
    old_logprobs: Float[Tensor, "batch response_len"]
    ref_logprobs: Float[Tensor, "batch response_len"]
    old_values: Float[Tensor, "batch response_len"]
    rewards: Float[Tensor, "batch response_len"]
    advantages: PerTextOrToken
    returns: PerTextOrToken
    share: Float[Tensor, ""] | float = 1.0  # what the rows of this process weigh in a minibatch

    def minibatch(self, rows: Int[Tensor, " rows"]) -> "Experience":
        """The given rows, cut to the longest response among them."""
        padding = int((~self.response_mask[rows]).sum(dim=1).min())
        columns = (getattr(self, item.name)[rows] for item in fields(self) if item.name != "share")
        return Experience(*(part[:, : part.shape[1] - padding] if part.ndim > 1 else part for part in columns))


@dataclass
class Method(Equations):
    """A way to train, with its equations: `PPO(gae=my_gae)` trains with yours.

    Two choices make a method, and are what its class adds: `advantages`, what a text is compared with, and `loss`,
    what a step goes down.
    """

    responses: int = 1  # to each prompt of a batch
    mean_over_texts: ClassVar[bool] = False  # rather than over tokens
    has_critic: ClassVar[bool] = False  # a value function that is read and learns
    one_step: ClassVar[bool] = False  # on a batch; a second would need the ratio to the policy that sampled it

    def advantages(
        self, rewards: PerToken, values: PerToken, scores: PerText, response_mask: Mask, *, settings: PPOSettings
    ) -> tuple[PerTextOrToken, PerTextOrToken]:
        """What a text is compared with: the advantages, and the returns that they come from."""
        raise NotImplementedError

    def loss(
        self, new: PolicyOutput, minibatch: Experience, *, settings: PPOSettings, kl_coef: float
    ) -> tuple[Float[Tensor, ""], Record]:
        """What a step goes down, from what the policy now says of a minibatch; and the parts of it."""
        raise NotImplementedError

    def read(self, policy: nn.Module, batch: Rollout | Experience, *, temperature: float) -> PolicyOutput:
        """Log-probability, entropy and value of every response token, at the sampler's temperature."""
        equations = {"token_logprobs": self.token_logprobs, "entropy": self.entropy}
        return policy(batch.token_ids, batch.response_mask, temperature=temperature, **equations)

    @torch.no_grad()
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
        """Gather experience: turn responses and their scores into rewards, advantages and returns.

        The reward of a token is -kl_coef * (logprob - ref_logprob), and the score at the last token (Ziegler et al.
        2019, arXiv:1909.08593, section 2); a response that does not end by itself is charged for it.
        """
        ids, mask = rollout.token_ids, rollout.response_mask
        old = self.read(policy, rollout, temperature=settings.temperature)
        ref_logprobs = self.read(reference, rollout, temperature=settings.temperature).logprobs
        scores = penalised(scores, rollout, settings.missing_eos_penalty)
        rewards = self.kl_shaped_rewards(scores, old.logprobs, ref_logprobs, mask, kl_coef=kl_coef)
        if settings.whiten_rewards:  # with ours: a student's whiten need not know how to leave the mean
            rewards = whiten(rewards, mask, shift_mean=False)
        advantages, returns = self.advantages(rewards, old.values, scores, mask, settings=settings)
        return Experience(ids, mask, old.logprobs, ref_logprobs, old.values, rewards, advantages, returns)

    def minibatches(self, experience: Experience, *, settings: PPOSettings, progress: Progress) -> Iterator[Experience]:
        """Several passes over a batch, in an order drawn anew for each, cut evenly; each process gets its rows of each.

        A method of one step gets the whole batch, once, in every process.

        Their `share` is what they weigh in the minibatch, so that the losses of the processes add up to that of all.
        """
        size, generator = len(experience.token_ids), progress.generator
        if self.one_step:
            yield replace(experience, share=1 / progress.team.size)
            return
        if size < settings.minibatches * progress.team.size:
            raise CourseError(
                f"Expected a response for each of {settings.minibatches} minibatches in each of {progress.team.size} "
                f"processes, but there are {size}; raise --batch-size."
            )
        for _ in range(settings.epochs):
            order = progress.team.from_first(torch.randperm(size, generator=generator, device=generator.device))
            for rows in order.tensor_split(settings.minibatches):
                minibatch = experience.minibatch(rows[progress.team.rank :: progress.team.size])
                share = self.weight(minibatch.response_mask) / self.weight(experience.response_mask[rows])
                yield replace(minibatch, share=share)

    def weight(self, response_mask: Mask) -> Int[Tensor, ""]:
        """What these rows weigh in the loss: their texts or their tokens, whichever it is a mean over."""
        return response_mask.any(dim=1).sum() if self.mean_over_texts else response_mask.sum()

    def entropy_bonus(self, new: PolicyOutput, response_mask: Mask, settings: PPOSettings) -> Float[Tensor, ""] | float:
        """What a loss is lowered by: ent_coef * mean entropy."""
        if not settings.ent_coef:  # its way back through the whole vocabulary costs as much as the policy loss
            return 0.0
        return settings.ent_coef * masked_mean(new.entropy, response_mask)

    def describe(self, experience: Experience) -> Record:
        """What the batch was like before anything was learned: its mean reward, what the value function foresaw."""
        mask = experience.response_mask
        record = {"reward": (experience.rewards * mask).sum(dim=1).mean().item()}
        if experience.returns.ndim == 1:  # one a text, from no value function
            return record | {"explained_variance": None}
        explained = explained_variance(experience.old_values, experience.returns, mask)
        return record | {"explained_variance": None if explained.isnan() else explained.item()}

    def measure(self, new: PolicyOutput, minibatch: Experience, *, clip_eps: float) -> Record:
        """How undecided the policy is, how far from the one that wrote the minibatch, how much the clip holds back."""
        logprobs, old, mask = new.logprobs.detach(), minibatch.old_logprobs, minibatch.response_mask
        advantages = minibatch.advantages if minibatch.advantages.ndim > 1 else minibatch.advantages[:, None]
        ratio = probability_ratio(logprobs, old)
        return {
            "entropy": masked_mean(new.entropy, mask).item(),
            "approx_kl": approx_kl(logprobs, old, mask).item(),
            "clip_fraction": clip_fraction(ratio, advantages.expand_as(ratio), mask, clip_eps=clip_eps).item(),
            "ratio_max": ratio[mask].max().item(),
        }
