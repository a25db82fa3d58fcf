"""The policy that PPO trains: a GPT-2 with a value head."""

import copy
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int, Shaped
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

    `eos_id` ends a text, `pad_id` fills what is behind it; where prompts differ in length, `bos_id` fills what is
    before them, and of several in front the last begins the text. Sampling and training go one way from tokens to
    logits.

    The value head starts at zero and dropout is off, as in Ziegler et al. 2019 (arXiv:1909.08593; their code: model.py,
    policy.py).
    """

    def __init__(
        self,
        lm: nn.Module,
        *,
        eos_id: int,
        pad_id: int,
        bos_id: int | None = None,
        value_trunk: nn.Module | None = None,
    ):
        super().__init__()
        self.lm = lm
        self.eos_id, self.pad_id, self.bos_id = eos_id, pad_id, bos_id
        self.value_trunk = value_trunk
        self.value_head = nn.Linear(lm.config.hidden_size, 1)
        nn.init.zeros_(self.value_head.weight)
        nn.init.zeros_(self.value_head.bias)
        disable_dropout(self)

    @classmethod
    def of(cls, lm: PreTrainedModel, tokenizer: Tokenizer, *, value_trunk: nn.Module | None = None) -> "Policy":
        """A policy over the tokens of this tokenizer."""
        ids = {name: getattr(tokenizer, f"{name[:3]}_token_id") for name in ("eos_id", "pad_id", "bos_id")}
        return cls(lm, **ids, value_trunk=value_trunk)

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
        begins = self.begins(token_ids[:, : -response_mask.shape[1]])
        lengths = token_ids.shape[1] - (~response_mask).sum(dim=1) - begins

        def states(read: Callable) -> Float[Tensor, "batch response_len width"]:
            return moved(read(moved(token_ids, -begins), lengths), begins)[:, before_response]

        hidden = states(partial(hidden_states, self.lm.base_model))
        # the vocabulary is wide: logits are computed only where a real response token stands
        logits = self.logits(hidden[response_mask])
        chosen = token_ids[:, -response_mask.shape[1] :][response_mask]
        if isinstance(self.value_trunk, FrozenTrunk):
            hidden = states(self.value_trunk.states)
        elif self.value_trunk is not None:
            hidden = states(partial(hidden_states, self.value_trunk))
        return PolicyOutput(
            logprobs=pad(token_logprobs(logits, chosen, temperature=temperature), response_mask),
            entropy=pad(recomputed(entropy, logits, temperature=temperature), response_mask),
            values=self.value_head(hidden)[..., 0] * response_mask,
        )

    def begins(self, prompt_ids: Int[Tensor, "batch prompt_len"]) -> Int[Tensor, " batch"]:
        """The place at which each prompt begins: that of the last of the bos tokens in front, 0 where there is none."""
        if self.bos_id is None:
            return torch.zeros_like(prompt_ids[:, 0])
        return ((prompt_ids == self.bos_id).long().cumprod(dim=1).sum(dim=1) - 1).clamp(min=0)

    def next_logits(
        self,
        token_ids: Int[Tensor, "batch new"],
        cache: Cache | None = None,
        begins: Int[Tensor, " batch"] | None = None,
    ) -> tuple[Float[Tensor, "batch vocab"], Cache]:
        """Logits of the token after these, which follow those in the cache; and the cache with these in it.

        `begins` are the places at which the texts begin; what stands before them is not seen.
        """
        options = {}
        if begins is not None and begins.any():
            end = token_ids.shape[1] + (cache.get_seq_length() if cache else 0)
            places = torch.arange(end, device=token_ids.device) - begins[:, None]
            options = {"attention_mask": (places >= 0).long()}
            options["position_ids"] = places[:, -token_ids.shape[1] :].clamp(min=0)
        output = self.lm.base_model(input_ids=token_ids, past_key_values=cache, use_cache=True, **options)
        return self.logits(output.last_hidden_state[:, -1]), output.past_key_values

    def logits(self, hidden: Float[Tensor, "*shape width"]) -> Float[Tensor, "*shape vocab"]:
        """Logits of the next token from the trunk's states before it."""
        return self.lm.get_output_embeddings()(hidden)


def moved(
    rows: Shaped[Tensor, "batch length *width"], places: Int[Tensor, " batch"]
) -> Shaped[Tensor, "batch length *width"]:
    """Each row moved so many places to the right; what leaves it there comes back on the left."""
    if not places.any():
        return rows
    row, place = torch.arange(len(rows), device=rows.device)[:, None], torch.arange(rows.shape[1], device=rows.device)
    return rows[row, (place - places[:, None]) % rows.shape[1]]


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
