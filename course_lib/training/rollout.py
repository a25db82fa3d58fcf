"""Sampling: the policy continues prompts."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn


@dataclass
class Rollout:
    """Prompts and the responses sampled to them; padding stands on the right of a response, never inside."""

    prompt_ids: Int[Tensor, "batch prompt_len"]
    response_ids: Int[Tensor, "batch response_len"]
    response_mask: Bool[Tensor, "batch response_len"]
    ended: Bool[Tensor, " batch"]

    @property
    def token_ids(self) -> Int[Tensor, "batch total_len"]:
        """Prompt and response in one row."""
        return torch.cat([self.prompt_ids, self.response_ids], dim=1)


@torch.no_grad()
def sample(
    lm: nn.Module,
    prompt_ids: Int[Tensor, "batch prompt_len"],
    *,
    response_len: int,
    eos_id: int,
    pad_id: int,
    temperature: float,
    generator: torch.Generator,
) -> Rollout:
    """Sample one response to each prompt: up to `response_len` tokens, the end-of-text token included.

    Each token is drawn from softmax(logits / temperature) with nothing cut off, the distribution in which its
    log-probability will be taken. A row that has ended leaves the batch, so no work is spent on it.
    """
    batch = len(prompt_ids)
    response_ids = torch.full((batch, response_len), pad_id, device=prompt_ids.device)
    response_mask = torch.zeros_like(response_ids, dtype=torch.bool)
    running = torch.arange(batch, device=prompt_ids.device)
    token_ids, cache = prompt_ids, None
    for t in range(response_len):
        output = lm(input_ids=token_ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache = output.past_key_values
        probabilities = torch.softmax(output.logits[:, -1].float() / temperature, dim=-1)
        token_ids = draw(probabilities, generator)
        response_ids[running, t] = token_ids[:, 0]
        response_mask[running, t] = True
        going_on = (token_ids[:, 0] != eos_id).nonzero()[:, 0]
        if len(going_on) == 0:
            break
        if len(going_on) < len(running):
            cache.batch_select_indices(going_on)
            running, token_ids = running[going_on], token_ids[going_on]
    longest = int(response_mask.sum(dim=1).max())
    response_ids, response_mask = response_ids[:, :longest], response_mask[:, :longest]
    ended = ((response_ids == eos_id) & response_mask).any(dim=1)
    return Rollout(prompt_ids, response_ids, response_mask, ended)


def draw(probabilities: Float[Tensor, "rows vocab"], generator: torch.Generator) -> Int[Tensor, "rows 1"]:
    """Draw one token a row: the first whose cumulative probability is above a uniform random number.

    torch.multinomial does the same with a random number for every token of the vocabulary, which takes as long as the
    language model itself.
    """
    cumulative = probabilities.double().cumsum(dim=1)  # in float32 a rare token's share could round to nothing
    uniform = torch.rand(len(probabilities), 1, dtype=torch.float64, device=generator.device, generator=generator)
    return torch.searchsorted(cumulative, uniform * cumulative[:, -1:], right=True)
