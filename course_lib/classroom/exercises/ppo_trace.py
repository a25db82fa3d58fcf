"""A language of four words on which a PPO loop is watched: what it samples, reads, pushes and changes on the way."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.optim.optimizer import Optimizer, register_optimizer_step_pre_hook

from course_lib.training.policy import PolicyOutput
from course_lib.training.rollout import Rollout
from course_lib.training.settings import PPOSettings

EOS, BOS, PAD = 0, 4, 5  # 1, 2 and 3 are words
WORDS, STATES = 4, 6
PROMPTS = torch.tensor([[BOS, 1], [BOS, 2], [BOS, 3]])
SETTINGS = PPOSettings(
    iterations=3,
    batch_size=30,
    response_len=5,
    temperature=0.8,
    epochs=2,
    minibatches=3,
    learning_rate=0.05,
    kl_coef=0.3,
    lam=0.9,
)
UPDATES = SETTINGS.epochs * SETTINGS.minibatches  # of each batch
MOST_READS = 40 * SETTINGS.iterations * UPDATES


class Endless(Exception):  # noqa: N818 - it stops a loop, and is no fault of ours
    """The loop has read more often than a loop that ends."""


@dataclass
class Read:
    """One call of the policy or of its reference."""

    by_policy: bool
    with_gradient: bool
    token_ids: Int[Tensor, "rows total_len"]
    response_mask: Bool[Tensor, "rows response_len"]
    temperature: float
    step: int  # optimizer steps before it
    gradients: int = 0  # that came back to its outputs


@dataclass
class Push:
    """One step of an optimizer on the policy: the gradient that it used, where, and on what."""

    rollout: int
    gradient: Float[Tensor, "states words"]
    logits: Float[Tensor, "states words"]
    read: Read | None


@dataclass
class Trace:
    """One run of a loop."""

    reads: list[Read] = field(default_factory=list)
    rollouts: list[Rollout] = field(default_factory=list)
    begun_with: list[tuple[Tensor, Tensor]] = field(default_factory=list)  # logits and values as each rollout began
    pushes: list[Push] = field(default_factory=list)
    optimizers: list[Optimizer] = field(default_factory=list)
    sampled: int = 0
    scores: list[float] = field(default_factory=list)  # mean of each rollout
    piled: bool = False
    backwards: int = 0
    policy: "Speaker | None" = None
    reference: "Speaker | None" = None
    begun: Tensor | None = None
    reference_begun: Tensor | None = None
    returned: object = None


class Seen:
    """Stands for the KV cache."""

    def batch_select_indices(self, rows: Int[Tensor, " rows"]) -> None:
        """Nothing is kept: the last token is all that the next one follows from."""


class Speaker(nn.Module):
    """A policy that is a table: the next word follows from the last one alone. What it does is noted."""

    eos_id, pad_id, bos_id = EOS, PAD, BOS

    def __init__(self, trace: Trace, *, seed: int, by_policy: bool):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.logits = nn.Parameter(torch.randn(STATES, WORDS, generator=generator))
        self.values = nn.Parameter(0.1 * torch.randn(STATES, generator=generator))
        self.trace, self.by_policy = trace, by_policy

    def forward(self, token_ids: Tensor, response_mask: Tensor, *, temperature: float = 1.0) -> PolicyOutput:
        """As `Policy`; what stands at padding is not 0, so who counts it pushes words that nobody wrote."""
        trace = self.trace
        read = Read(self.by_policy, torch.is_grad_enabled(), token_ids, response_mask, temperature, len(trace.pushes))
        trace.reads.append(read)
        if len(trace.reads) > MOST_READS:
            raise Endless
        width = response_mask.shape[1]
        before, after = token_ids[:, -width - 1 : -1], token_ids[:, -width:]
        logits = torch.log_softmax(self.logits / temperature, dim=-1)[before]
        logprobs = logits.gather(-1, after.clamp(max=WORDS - 1).unsqueeze(-1)).squeeze(-1)
        output = PolicyOutput(logprobs, -(logits.exp() * logits).sum(dim=-1), self.values[before])
        for numbers in (output.logprobs, output.values):
            if numbers.requires_grad:
                numbers.register_hook(lambda _: setattr(read, "gradients", read.gradients + 1))
        return output

    def begins(self, prompt_ids: Int[Tensor, "batch prompt_len"]) -> Int[Tensor, " batch"]:
        """All prompts are of one length."""
        return torch.zeros(len(prompt_ids), dtype=torch.long)

    def next_logits(self, token_ids: Tensor, cache: Seen | None = None, begins: Tensor | None = None):
        """Logits of the next word."""
        if cache is None:
            self.trace.sampled += self.by_policy
            if self.trace.sampled > MOST_READS:
                raise Endless
            self.trace.begun_with.append((self.logits.detach().clone(), self.values.detach().clone()))
        return self.logits[token_ids[:, -1]].detach(), cache or Seen()


def score(rollout: Rollout) -> Float[Tensor, " batch"]:
    """Word 1 is worth one, word 3 costs one."""
    return ((rollout.response_ids == 1).float() - (rollout.response_ids == 3).float()).sum(dim=1)


def run(loop: Callable, *, seed: int = 0) -> Trace:
    """Let a loop train, watched; what it raises passes through with the trace so far as its `trace`."""
    trace = Trace()
    trace.policy = Speaker(trace, seed=1, by_policy=True)
    trace.reference = Speaker(trace, seed=2, by_policy=False).requires_grad_(False)
    trace.begun = trace.policy.logits.detach().clone()
    trace.reference_begun = trace.reference.logits.detach().clone()

    def noted(rollout: Rollout) -> Float[Tensor, " batch"]:
        scores = score(rollout)
        trace.rollouts.append(rollout)
        trace.scores.append(scores.mean().item())
        return scores

    options = {"settings": SETTINGS, "generator": torch.Generator().manual_seed(seed)}
    with watched(trace):
        try:
            trace.returned = loop(trace.policy, trace.reference, PROMPTS, noted, **options)
            if hasattr(trace.returned, "__next__"):
                trace.returned = list(trace.returned)
        except Exception as error:
            error.trace = trace
            raise
    return trace


@contextmanager
def watched(trace: Trace) -> Iterator[None]:
    """Note each gradient and each step of an optimizer that reach the policy."""
    weight, fresh = trace.policy.logits, []

    def before_step(optimizer: Optimizer, *_: object) -> None:
        if not any(part is weight for group in optimizer.param_groups for part in group["params"]):
            return
        if not any(known is optimizer for known in trace.optimizers):
            trace.optimizers.append(optimizer)
        reads = [read for read in trace.reads if read.by_policy and read.with_gradient]
        gradient = torch.zeros_like(weight) if weight.grad is None else weight.grad.clone()
        trace.pushes.append(
            Push(len(trace.rollouts) - 1, gradient, weight.detach().clone(), reads[-1] if reads else None)
        )

    def after_backward(parameter: Tensor) -> None:
        trace.backwards += 1
        trace.piled = trace.piled or not torch.allclose(fresh[-1], parameter.grad, atol=1e-7)

    hooks = [weight.register_hook(lambda gradient: fresh.append(gradient.clone()))]
    hooks += [weight.register_post_accumulate_grad_hook(after_backward), register_optimizer_step_pre_hook(before_step)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
