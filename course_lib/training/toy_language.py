"""A language small enough to list: 64 texts, and models that are tables, so that expectations are sums.

Four tokens, and every text has three of them. PPO's loop and its relatives train these models as they train GPT-2;
what they should end at is known in closed form (`equations.optimum`).
"""

import itertools
from types import SimpleNamespace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course_lib.equations.logprobs import entropy, token_logprobs
from course_lib.training.policy import PolicyOutput

VOCAB, LENGTH = 4, 3
BOS, EOS = 0, 99  # no text of the toy language has an eos: all end after their third token
TEXTS = torch.tensor(list(itertools.product(range(VOCAB), repeat=LENGTH)))


class Prefix:
    """Stands for the KV cache: the tokens read so far."""

    def __init__(self, token_ids: Int[Tensor, "batch seen"]):
        self.token_ids = token_ids

    def batch_select_indices(self, rows: Int[Tensor, " rows"]) -> None:
        """Keep some rows of the batch."""
        self.token_ids = self.token_ids[rows]


class TabularLanguageModel(nn.Module):
    """A row of four logits for each of the 21 prefixes '', 'a', ..., 'dd', drawn from N(0, 1); called as GPT-2 is."""

    def __init__(self, generator: torch.Generator):
        super().__init__()
        prefixes = sum(VOCAB**length for length in range(LENGTH))
        self.logits = nn.Parameter(torch.randn(prefixes, VOCAB, generator=generator))

    def forward(
        self,
        input_ids: Int[Tensor, "batch new"],
        past_key_values: Prefix | None = None,
        use_cache: bool = True,
        logits_to_keep: int = 1,
    ) -> SimpleNamespace:
        """Logits of the next token; the first token of a row is bos."""
        seen = input_ids if past_key_values is None else torch.cat([past_key_values.token_ids, input_ids], dim=1)
        return SimpleNamespace(logits=self.logits[prefix_number(seen[:, 1:])][:, None], past_key_values=Prefix(seen))


class TabularPolicy(nn.Module):
    """A tabular language model with a value for each prefix, 0 at first; called as `Policy` is."""

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


def prefix_number(token_ids: Int[Tensor, "batch length"]) -> Int[Tensor, " batch"]:
    """Number the prefixes '', 'a', 'b', ..., 'dd' in this order."""
    number = torch.zeros(len(token_ids), dtype=torch.long)
    for column in token_ids.T:
        number = number * VOCAB + column + 1
    return number


def text_number(token_ids: Int[Tensor, "batch response_len"]) -> Int[Tensor, " batch"]:
    """Say where each text stands in `TEXTS`."""
    return (token_ids * VOCAB ** torch.arange(LENGTH - 1, -1, -1)).sum(dim=1)


def all_token_logprobs(policy: TabularPolicy) -> Float[Tensor, "texts response_len"]:
    """Log-probability of each token of every text at temperature 1, with its gradient."""
    token_ids = torch.cat([torch.full((len(TEXTS), 1), BOS), TEXTS], dim=1)
    return policy(token_ids, torch.ones_like(TEXTS, dtype=torch.bool)).logprobs


def text_probabilities(policy: TabularPolicy) -> Float[Tensor, " texts"]:
    """Probability of every text, exactly; they add up to 1."""
    return all_token_logprobs(policy).sum(dim=1).exp().detach()


def total_variation(p: Float[Tensor, " texts"], q: Float[Tensor, " texts"]) -> float:
    """Half the sum of |p - q|: the largest difference that two distributions can make to an event's probability."""
    return 0.5 * (p - q).abs().sum().item()
