"""A language of four words on which a PPO loop is watched: what it samples, reads, pushes and changes on the way."""

from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course_lib.classroom.exercises.patience import Endless
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
    learning_rate=0.1,
    kl_coef=0.3,
    lam=0.8,
    max_grad_norm=0.1,
)  # few large steps, in which each mistake shows
UPDATES = SETTINGS.epochs * SETTINGS.minibatches  # of each batch
MOST_CALLS = 40 * SETTINGS.iterations * UPDATES

Table = tuple[Float[Tensor, "states words"], Float[Tensor, " states"]]  # logits and values


@dataclass
class Read:
    """One call of the policy or of its reference, and the gradients that came back to what it gave."""

    by_policy: bool
    with_gradient: bool
    token_ids: Int[Tensor, "rows total_len"]
    response_mask: Bool[Tensor, "rows response_len"]
    temperature: float
    rollout: int  # the last one scored before it, from 0
    table: Table
    backward: int = -1  # the one by which gradients came, from 0
    to_logprobs: Tensor | None = None
    to_values: Tensor | None = None


@dataclass
class Step:
    """One step of an optimizer on the policy."""

    rollout: int
    backwards: int  # before it
    any_gradient: bool
    length: float  # of the gradient
    rate: float


@dataclass
class Trace:
    """One run of a loop."""

    policy: "Speaker | Weights | None" = None
    reference: "Speaker | Weights | None" = None
    begun: dict[bool, Table] = field(default_factory=dict)  # the policy's table (True), and the reference's
    sampled: list[tuple[bool, Table]] = field(default_factory=list)  # by the policy or not, with which table
    rollouts: list[Rollout] = field(default_factory=list)  # that were scored
    scores: list[Float[Tensor, " batch"]] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    optimizers: list[object] = field(default_factory=list)  # each once
    backwards: int = 0
    piled: bool = False  # whether .grad ever held more than came since the last change of the weights
    returned: object = None

    def count(self, calls: int) -> None:
        """Raise Endless once a loop has called something more often than any that ends."""
        if calls > MOST_CALLS:
            raise Endless

    @property
    def learned(self) -> list[Read]:
        """The policy's reads to whose log-probabilities a gradient came back."""
        return [read for read in self.reads if read.by_policy and read.to_logprobs is not None]


@dataclass
class Weights:
    """The numbers of a Speaker that is in another process."""

    logits: Float[Tensor, "states words"]
    values: Float[Tensor, " states"]


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
        self.values = nn.Parameter(torch.randn(STATES, generator=generator))
        self.trace, self.by_policy = trace, by_policy

    @property
    def table(self) -> Table:
        """A copy of the numbers as they are."""
        return self.logits.detach().clone(), self.values.detach().clone()

    def forward(self, token_ids: Tensor, response_mask: Tensor, *, temperature: float = 1.0) -> PolicyOutput:
        """As `Policy`, 0 at padding too; the entropy is not asked for."""
        trace = self.trace
        trace.count(len(trace.reads))
        logprobs, values = read(self.logits, self.values, token_ids, response_mask, temperature)
        place = temperature, len(trace.rollouts) - 1, self.table
        noted = Read(self.by_policy, logprobs.requires_grad, token_ids.clone(), response_mask.clone().bool(), *place)
        trace.reads.append(noted)
        for output, name in ((logprobs, "to_logprobs"), (values, "to_values")):
            if output.requires_grad:
                output.register_hook(lambda gradient, name=name: self.arrived(noted, name, gradient))
        return PolicyOutput(logprobs, torch.zeros_like(logprobs), values)

    def arrived(self, noted: Read, name: str, gradient: Tensor) -> None:
        """Keep the first gradient that came back to what a read gave."""
        if getattr(noted, name) is None and gradient.any():
            setattr(noted, name, gradient.clone())
            noted.backward = self.trace.backwards

    def begins(self, prompt_ids: Int[Tensor, "batch prompt_len"]) -> Int[Tensor, " batch"]:
        """All prompts are of one length."""
        return torch.zeros(len(prompt_ids), dtype=torch.long)

    def next_logits(self, token_ids: Tensor, cache: Seen | None = None, begins: Tensor | None = None):
        """Logits of the next word."""
        if cache is None:
            self.trace.sampled.append((self.by_policy, self.table))
            self.trace.count(len(self.trace.sampled))
        return self.logits[token_ids[:, -1]].detach(), cache or Seen()


def read(
    logits: Float[Tensor, "states words"],
    values: Float[Tensor, " states"],
    token_ids: Int[Tensor, "rows total_len"],
    response_mask: Tensor,
    temperature: float = SETTINGS.temperature,
) -> tuple[Float[Tensor, "rows response_len"], Float[Tensor, "rows response_len"]]:
    """Log-probability of each response token, and the value of the token before it; 0 where the mask is False."""
    width = response_mask.shape[1]
    before, after = token_ids[:, -width - 1 : -1], token_ids[:, -width:].clamp(max=WORDS - 1)
    chosen = torch.log_softmax(logits / temperature, dim=-1)[before].gather(-1, after.unsqueeze(-1)).squeeze(-1)
    return chosen * response_mask, values[before] * response_mask


def score(rollout: Rollout) -> Float[Tensor, " batch"]:
    """Word 1 is worth one, word 3 costs one."""
    return ((rollout.response_ids == 1).float() - (rollout.response_ids == 3).float()).sum(dim=1)
