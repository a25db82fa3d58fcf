"""The policy that PPO trains: a GPT-2 with a value head."""

import copy
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import Cache, PreTrainedModel
from transformers import PreTrainedTokenizerBase as Tokenizer

from course_lib.equations.logprobs import entropy, token_logprobs
from course_lib.training.frozen_trunk import FrozenTrunk
from course_lib.training.language_model import disable_dropout, hidden_states
from course_lib.training.reward_model import RewardModel


class PolicyOutput(NamedTuple):
    """What PPO needs of each response token: its log-probability, the entropy it was drawn at, the value before it."""

    logprobs: Float[Tensor, "batch response_len"]
    entropy: Float[Tensor, "batch response_len"]
    values: Float[Tensor, "batch response_len"]


class Policy(nn.Module):
    """A causal language model with a value head, on the model's own trunk, on `value_trunk`, or a reward model's.

    `eos_id` ends a text, `pad_id` fills what is behind it. Sampling and training go one way from tokens to logits.

    The value head starts at zero and dropout is off, as in Ziegler et al. 2019 (arXiv:1909.08593; their code: model.py,
    policy.py).
    """

    def __init__(self, lm: nn.Module, *, eos_id: int, pad_id: int, value_trunk: nn.Module | None = None):
        super().__init__()
        self.lm = lm
        self.eos_id, self.pad_id = eos_id, pad_id
        self.value_trunk = value_trunk
        self.value_head = nn.Linear(lm.config.hidden_size, 1)
        nn.init.zeros_(self.value_head.weight)
        nn.init.zeros_(self.value_head.bias)
        disable_dropout(self)

    @classmethod
    def of(cls, lm: PreTrainedModel, tokenizer: Tokenizer, *, value_trunk: nn.Module | None = None) -> "Policy":
        """A policy over the tokens of this tokenizer."""
        return cls(lm, eos_id=tokenizer.eos_token_id, pad_id=tokenizer.pad_token_id, value_trunk=value_trunk)

    def read_values_from(self, reward_model: RewardModel) -> None:
        """Begin with the reward model's score of the text so far as the value: its trunk, frozen, its head, to learn.

        Stiennon et al. 2020 (arXiv:2009.01325, section 3.4) begin so too, and train the trunk as well.
        """
        self.value_trunk = FrozenTrunk(copy.deepcopy(reward_model.lm.transformer))
        self.value_head = reward_model.scaled_head()

    def forward(
        self,
        token_ids: Int[Tensor, "batch total_len"],
        response_mask: Bool[Tensor, "batch response_len"],
        *,
        temperature: float = 1.0,
        token_logprobs: Callable = token_logprobs,
        entropy: Callable = entropy,
    ) -> PolicyOutput:
        """Log-probability, entropy and value at every response token, 0 at padding.

        The last `response_len` tokens of a row are the response, padded on the right. The state before response
        token t is the hidden state one place to its left: it predicts the token, and its value is V_t.
        """
        before_response = slice(-response_mask.shape[1] - 1, -1)
        lengths = token_ids.shape[1] - (~response_mask).sum(dim=1)
        hidden = hidden_states(self.lm.base_model, token_ids, lengths)[:, before_response]
        # the vocabulary is wide: logits are computed only where a real response token stands
        logits = self.logits(hidden[response_mask])
        chosen = token_ids[:, -response_mask.shape[1] :][response_mask]
        if isinstance(self.value_trunk, FrozenTrunk):
            hidden = self.value_trunk.states(token_ids, lengths)[:, before_response]
        elif self.value_trunk is not None:
            hidden = hidden_states(self.value_trunk, token_ids, lengths)[:, before_response]
        return PolicyOutput(
            logprobs=pad(token_logprobs(logits, chosen, temperature=temperature), response_mask),
            entropy=pad(recomputed(entropy, logits, temperature=temperature), response_mask),
            values=self.value_head(hidden)[..., 0] * response_mask,
        )

    def next_logits(
        self, token_ids: Int[Tensor, "batch new"], cache: Cache | None = None
    ) -> tuple[Float[Tensor, "batch vocab"], Cache]:
        """Logits of the token after these, which follow those in the cache; and the cache with these in it."""
        output = self.lm.base_model(input_ids=token_ids, past_key_values=cache, use_cache=True)
        return self.logits(output.last_hidden_state[:, -1]), output.past_key_values

    def logits(self, hidden: Float[Tensor, "*shape width"]) -> Float[Tensor, "*shape vocab"]:
        """Logits of the next token from the trunk's states before it."""
        return self.lm.get_output_embeddings()(hidden)


def recomputed(function: Callable[..., Tensor], tensor: Tensor, **options) -> Tensor:
    """Call a function whose inner results are not kept for its gradient, but computed again should it be asked for.

    Kept, those of the entropy would take three times the memory of the logits.
    """
    return checkpoint(function, tensor, use_reentrant=False, preserve_rng_state=False, **options)


def pad(
    tokens: Float[Tensor, " real_tokens"], response_mask: Bool[Tensor, "batch response_len"]
) -> Float[Tensor, "batch response_len"]:
    """Put the numbers of the real tokens back in their rows, with 0 at padding."""
    return torch.zeros_like(response_mask, dtype=tokens.dtype).masked_scatter(response_mask, tokens)
