"""A language small enough to list: 64 texts, and models that are tables, so that expectations are sums.

Four tokens, and every text has three of them. PPO's loop and its relatives train these models as they train GPT-2;
what they should end at is known in closed form (`equations.optimum`).
"""

import copy
import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course_lib.equations.logprobs import entropy, token_logprobs
from course_lib.training.policy import PolicyOutput
from course_lib.training.rollout import Rollout
from course_lib.training.settings import PPOSettings

VOCAB, LENGTH = 4, 3
BOS, EOS = 0, 99  # no text of the toy language has an eos: all end after their third token
TEXTS = torch.tensor(list(itertools.product(range(VOCAB), repeat=LENGTH)))


def prefix_number(token_ids: Int[Tensor, "batch length"]) -> Int[Tensor, " batch"]:
    """Number the prefixes '', 'a', 'b', ..., 'dd' in this order."""
    number = torch.zeros(len(token_ids), dtype=torch.long)
    for column in token_ids.T:
        number = number * VOCAB + column + 1
    return number


PROMPTS = torch.full((1, 1), BOS)  # the empty one
PREFIXES = torch.stack([prefix_number(TEXTS[:, :t]) for t in range(LENGTH)], dim=1)  # before each token of a text


class Prefix:
    """Stands for the KV cache: the tokens read so far."""

    def __init__(self, token_ids: Int[Tensor, "batch seen"]):
        self.token_ids = token_ids

    def batch_select_indices(self, rows: Int[Tensor, " rows"]) -> None:
        """Keep some rows of the batch."""
        self.token_ids = self.token_ids[rows]


class TabularLanguageModel(nn.Module):
    """A row of four logits for each of the 21 prefixes '', 'a', ..., 'dd', drawn from N(0, 1)."""

    def __init__(self, generator: torch.Generator):
        super().__init__()
        prefixes = sum(VOCAB**length for length in range(LENGTH))
        self.logits = nn.Parameter(torch.randn(prefixes, VOCAB, generator=generator))


class TabularPolicy(nn.Module):
    """A tabular language model with a value for each prefix, 0 at first; called as `Policy` is."""

    eos_id = pad_id = EOS

    def __init__(self, lm: TabularLanguageModel):
        super().__init__()
        self.lm = lm
        self.values = nn.Parameter(torch.zeros(len(lm.logits)))

    def forward(
        self,
        token_ids: Int[Tensor, "batch total_len"],
        response_mask: Bool[Tensor, "batch response_len"],
        *,
        temperature: float = 1.0,
        token_logprobs: Callable = token_logprobs,
        entropy: Callable = entropy,
    ) -> PolicyOutput:
        """Log-probability, entropy and value at each of a text's three tokens, which stand behind bos."""
        response = token_ids[:, 1:]
        prefixes = torch.stack([prefix_number(response[:, :t]) for t in range(LENGTH)], dim=1)
        logits = self.lm.logits[prefixes]
        return PolicyOutput(
            token_logprobs(logits, response, temperature=temperature),
            entropy(logits, temperature=temperature),
            self.values[prefixes],
        )

    def begins(self, prompt_ids: Int[Tensor, "batch prompt_len"]) -> Int[Tensor, " batch"]:
        """All texts begin at once."""
        return torch.zeros(len(prompt_ids), dtype=torch.long)

    def next_logits(
        self, token_ids: Int[Tensor, "batch new"], cache: Prefix | None = None, begins: Tensor | None = None
    ) -> tuple[Float[Tensor, "batch vocab"], Prefix]:
        """Logits of the next token; the first token of a row is bos."""
        seen = token_ids if cache is None else torch.cat([cache.token_ids, token_ids], dim=1)
        return self.lm.logits[prefix_number(seen[:, 1:])], Prefix(seen)


@dataclass(frozen=True)
class ToyTask:
    """A reference policy and the reward of every text; a training begins at `policy()`."""

    reference: TabularPolicy
    rewards: Float[Tensor, " texts"]

    @classmethod
    def draw(cls, generator: torch.Generator) -> "ToyTask":
        """Logits and rewards from N(0, 1)."""
        reference = TabularPolicy(TabularLanguageModel(generator)).requires_grad_(False)
        return cls(reference, torch.randn(len(TEXTS), generator=generator))

    def policy(self) -> TabularPolicy:
        """A copy of the reference, to be trained."""
        return copy.deepcopy(self.reference).requires_grad_()

    def score(self, rollout: Rollout) -> Float[Tensor, " batch"]:
        """The reward of each sampled text."""
        return self.rewards[text_number(rollout.response_ids)]


def toy_settings(*, kl_coef: float, iterations: int = 150, batch_size: int = 512) -> PPOSettings:
    """Settings with which PPO and its relatives come near their fixed points in seconds."""
    return PPOSettings(
        iterations=iterations,
        epochs=2,
        batch_size=batch_size,
        response_len=LENGTH,
        temperature=1.0,
        learning_rate=0.05,
        kl_coef=kl_coef,
        missing_eos_penalty=0.0,
        max_grad_norm=0.0,
    )


def text_number(token_ids: Int[Tensor, "batch response_len"]) -> Int[Tensor, " batch"]:
    """Say where each text stands in `TEXTS`."""
    return (token_ids * VOCAB ** torch.arange(LENGTH - 1, -1, -1)).sum(dim=1)


def token_logprobs_of_texts(logits: Float[Tensor, "*shape prefixes vocab"]) -> Float[Tensor, "*shape texts length"]:
    """Log-probability of each token of every text, with its gradient; `logits` may be the tables of many models."""
    return torch.log_softmax(logits, dim=-1)[..., PREFIXES, TEXTS]


def text_probabilities(policy: TabularPolicy) -> Float[Tensor, " texts"]:
    """Probability of every text, exactly; they add up to 1."""
    return token_logprobs_of_texts(policy.lm.logits).sum(dim=-1).exp().detach()


def total_variation(p: Float[Tensor, " texts"], q: Float[Tensor, " texts"]) -> float:
    """Half the sum of |p - q|: the largest difference that two distributions can make to an event's probability."""
    return 0.5 * (p - q).abs().sum().item()
