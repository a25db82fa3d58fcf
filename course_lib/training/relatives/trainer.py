"""What PPO's relatives have in common: they sample, score, describe a batch and take optimizer steps as PPO does."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_lib.equations.advantages import kl_shaped_rewards
from course_lib.training.finite import clip_gradients, require_finite
from course_lib.training.policy import PolicyOutput
from course_lib.training.ppo import Progress
from course_lib.training.record import Record
from course_lib.training.rollout import Rollout, describe_rollout, sample
from course_lib.training.run.pipeline import PPORun
from course_lib.training.scorer import Scorer
from course_lib.training.settings import PPOSettings

Rows = Int[Tensor, " rows"]


@dataclass
class Batch:
    """Responses, and what is known of them when the policy that wrote them is about to change; without a gradient."""

    rollout: Rollout
    scores: Float[Tensor, " batch"]  # less the penalty for a missing end
    old_logprobs: Float[Tensor, "batch response_len"]
    ref_logprobs: Float[Tensor, "batch response_len"]
    described: Record

    def returns(self, *, kl_coef: float) -> Float[Tensor, " batch"]:
        """One number a text, the sum of PPO's rewards: score - kl_coef * (log p(text) - log p_reference(text))."""
        mask = self.rollout.response_mask
        return kl_shaped_rewards(self.scores, self.old_logprobs, self.ref_logprobs, mask, kl_coef=kl_coef).sum(dim=1)


@dataclass
class Trainer:
    """A policy in training, with what `ppo` takes by the same names; each method is a generator over one.

    Of the settings, those of the value function, of GAE and of the adaptive KL coefficient mean nothing here.
    """

    policy: nn.Module
    reference: nn.Module
    prompts: Int[Tensor, "prompts prompt_len"]
    score: Callable[[Rollout], Tensor]
    settings: PPOSettings
    eos_id: int
    pad_id: int
    generator: torch.Generator
    measure: Callable[[Rollout], Record] | None = None
    progress: Progress = field(init=False)
    tokens: int = field(init=False, default=0)  # written so far

    def __post_init__(self) -> None:
        """Begin with a new optimizer, no step taken."""
        self.progress = Progress.start(self.policy, self.settings)

    @classmethod
    def of_run(cls, run: PPORun, scorer: Scorer) -> "Trainer":
        """Start from the models, prompts, settings and random stream with which the run would do PPO."""
        return cls(
            run.policy,
            run.reference,
            run.training_prompts,
            scorer.score,
            run.settings,
            run.tokenizer.eos_token_id,
            run.tokenizer.pad_token_id,
            run.training_generator(),
            scorer.measure,
        )

    def batches(self, *, responses: int = 1) -> Iterator[Batch]:
        """Let the policy, as it then is, write one batch a step, with so many responses to each of its prompts."""
        while self.progress.step < self.settings.iterations:
            rollout, scores = self.write(self.policy, self.draw_prompts(responses=responses))
            described = self.measure(rollout) if self.measure else {}
            with torch.no_grad():
                old, ref = (self.forward(model, rollout).logprobs for model in (self.policy, self.reference))
            described |= describe_rollout(rollout, scores, old, ref)
            yield Batch(rollout, self.penalised(scores, rollout), old, ref, described)

    def draw_prompts(self, *, responses: int) -> Int[Tensor, "batch prompt_len"]:
        """Draw the prompts of a batch, each repeated once for every response, one after the other."""
        count = self.settings.batch_size // responses
        chosen = torch.randint(len(self.prompts), (count,), generator=self.generator, device=self.generator.device)
        return self.prompts[chosen].repeat_interleave(responses, dim=0)

    def write(
        self, model: nn.Module, prompts: Int[Tensor, "batch prompt_len"]
    ) -> tuple[Rollout, Float[Tensor, " batch"]]:
        """Let a model continue prompts, and score what it writes."""
        rollout = sample(
            model.lm,
            prompts,
            response_len=self.settings.response_len,
            eos_id=self.eos_id,
            pad_id=self.pad_id,
            temperature=self.settings.temperature,
            generator=self.generator,
        )
        self.tokens += int(rollout.response_mask.sum())
        scores = self.score(rollout)
        require_finite(self.progress.step + 1, scores=scores)
        return rollout, scores

    def penalised(self, scores: Float[Tensor, " batch"], rollout: Rollout) -> Float[Tensor, " batch"]:
        """The scores less the penalty for a missing end."""
        return scores - self.settings.missing_eos_penalty * ~rollout.ended

    def forward(self, model: nn.Module, rollout: Rollout) -> PolicyOutput:
        """Log-probability and entropy of every response token, at the sampler's temperature."""
        return model(rollout.token_ids, rollout.response_mask, temperature=self.settings.temperature)

    def learn(self, minibatches: Iterable[Rows], loss: Callable[[Rows], tuple[Tensor, Record]]) -> Record:
        """Take one optimizer step for each minibatch; returns mean metrics. The learning rate falls linearly to 0.

        Raises:
            NotFiniteError: a loss or a gradient is not finite; the weights are as they were.
        """
        progress, records = self.progress, []
        learning_rate = progress.begin_step(self.settings)
        for rows in minibatches:
            loss_of_rows, record = loss(rows)
            require_finite(progress.step, the_loss=loss_of_rows)
            loss_of_rows.backward()
            norm = clip_gradients(progress.step, self.policy, self.settings.max_grad_norm or math.inf)
            progress.optimizer.step()
            progress.optimizer.zero_grad()
            records.append(record | {"loss": loss_of_rows.item(), "grad_norm": norm.item()})
        means = {name: sum(record[name] for record in records) / len(records) for name in records[0]}
        return {"step": progress.step, "tokens": self.tokens, "learning_rate": learning_rate} | means

    def shuffled(self, count: int) -> Rows:
        """Numbers from 0 to `count` in a random order, once for each of the settings' epochs."""
        orders = (
            torch.randperm(count, generator=self.generator, device=self.generator.device)
            for _ in range(self.settings.epochs)
        )
        return torch.cat(list(orders))
