"""Sampling: the policy continues prompts, and what can be said of what it wrote."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.equations.kl import k1
from course_lib.training.record import Record


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

    def rows(self, rows: Int[Tensor, " rows"]) -> "Rollout":
        """The given rows, as wide as before."""
        return Rollout(self.prompt_ids[rows], self.response_ids[rows], self.response_mask[rows], self.ended[rows])


@torch.no_grad()
def sample(
    policy: nn.Module,
    prompt_ids: Int[Tensor, "batch prompt_len"],
    *,
    response_len: int,
    temperature: float,
    generator: torch.Generator,
) -> Rollout:
    """Sample one response to each prompt: up to `response_len` tokens, the end-of-text token included.

    Each token is drawn from softmax(logits / temperature) with nothing cut off, the distribution in which its
    log-probability will be taken. A row that has ended leaves the batch, so no work is spent on it. A prompt shorter
    than the others has bos in front more than once; the policy reads from the last of them.
    """
    batch, eos_id = len(prompt_ids), policy.eos_id
    response_ids = torch.full((batch, response_len), policy.pad_id, device=prompt_ids.device)
    response_mask = torch.zeros_like(response_ids, dtype=torch.bool)
    running = torch.arange(batch, device=prompt_ids.device)
    begins = policy.begins(prompt_ids)
    token_ids, cache = prompt_ids, None
    for t in range(response_len):
        logits, cache = policy.next_logits(token_ids, cache, begins[running])
        probabilities = torch.softmax(logits.float() / temperature, dim=-1)
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


def penalised(scores: Float[Tensor, " batch"], rollout: Rollout, penalty: float) -> Float[Tensor, " batch"]:
    """The scores, less the penalty for a response that does not end by itself."""
    return scores - penalty * ~rollout.ended


def join_rollouts(rollouts: Sequence[Rollout], *, pad_id: int) -> Rollout:
    """One rollout of several, one below the other, as wide as the widest."""
    longest = max(rollout.response_ids.shape[1] for rollout in rollouts)
    missing = [longest - rollout.response_ids.shape[1] for rollout in rollouts]
    pairs = list(zip(rollouts, missing, strict=True))
    return Rollout(
        torch.cat([rollout.prompt_ids for rollout in rollouts]),
        torch.cat([F.pad(rollout.response_ids, (0, padding), value=pad_id) for rollout, padding in pairs]),
        torch.cat([F.pad(rollout.response_mask, (0, padding)) for rollout, padding in pairs]),
        torch.cat([rollout.ended for rollout in rollouts]),
    )


def describe_rollout(
    scores: Float[Tensor, " batch"],
    logprobs: Float[Tensor, "batch response_len"],
    ref_logprobs: Float[Tensor, "batch response_len"],
    response_mask: Bool[Tensor, "batch response_len"],
    ended: Bool[Tensor, " batch"],
) -> Record:
    """Means over a batch: its score, its KL in nats a response, how many end by themselves, how long they are."""
    kl = (k1(logprobs, ref_logprobs) * response_mask).sum(dim=1)
    return {
        "score": scores.mean().item(),
        "kl": kl.mean().item(),
        "eos_share": ended.float().mean().item(),
        "response_length": response_mask.sum(dim=1).float().mean().item(),
    }
