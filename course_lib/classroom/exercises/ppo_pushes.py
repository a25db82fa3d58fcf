"""The gradients of known mistakes in PPO's loop: the one that a loop used tells what it did."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from course_lib.classroom.exercises.ppo_trace import PAD, SETTINGS, WORDS, Read, Trace, score
from course_lib.equations.advantages import gae, kl_shaped_rewards, whiten
from course_lib.equations.ppo import policy_loss
from course_lib.training.rollout import Rollout, penalised

SAME = 0.9999  # the cosine from which two gradients are one
NO_CLIP = 1e6

PerToken = Float[Tensor, "rows response_len"]


class Way(NamedTuple):
    """A way to push a batch: against which log-probabilities, by which advantages, over which tokens, up or down."""

    old: PerToken | None  # None: the new ones, without their gradient
    worth: PerToken
    mask: Bool[Tensor, "rows response_len"]
    sign: float = 1.0
    clip_eps: float = SETTINGS.clip_eps


def ways(trace: Trace) -> dict[str, Way]:
    """The right way to push the first batch, and the wrong ones."""
    rollout, (logits, values) = trace.rollouts[0], trace.begun_with[0]
    (old, before), (ref, _) = (read(table, rollout) for table in (logits, trace.reference_begun))
    mask, rows = rollout.response_mask, torch.arange(len(old))
    scores = penalised(score(rollout), rollout, SETTINGS.missing_eos_penalty)

    def advantages(*, kl_sign: float = 1.0, place: Tensor | int | None = None) -> PerToken:
        rewards = kl_shaped_rewards(scores, old, ref, mask, kl_coef=kl_sign * SETTINGS.kl_coef)
        if place is not None:
            rewards[rows, mask.sum(dim=1) - 1] -= scores
            rewards[rows, place] += scores
        return gae(rewards * mask, values[before], mask, gamma=SETTINGS.gamma, lam=SETTINGS.lam)

    right, raw = whiten(advantages(), mask), advantages()
    padded = (raw - raw.mean()) / raw.std(correction=0)
    everywhere = torch.ones_like(mask)
    return {
        "right": Way(old, right, mask),
        "climbed": Way(old, right, mask, sign=-1.0),
        "reference as old": Way(ref, right, mask),
        "old anew": Way(None, right, mask),
        "KL sign": Way(old, whiten(advantages(kl_sign=-1.0), mask), mask),
        "no KL": Way(old, whiten(advantages(kl_sign=0.0), mask), mask),
        "first token": Way(old, whiten(advantages(place=0), mask), mask),
        "last place": Way(old, whiten(advantages(place=-1), mask), mask),
        "returns": Way(old, whiten((raw + values[before]) * mask, mask), mask),
        "padding": Way(old, padded, everywhere),
        "padding whitened": Way(old, padded, mask),
        "no clip": Way(old, right, mask, clip_eps=NO_CLIP),
    }


def read(table: Float[Tensor, "states words"], rollout: Rollout) -> tuple[PerToken, Int[Tensor, "rows response_len"]]:
    """Log-probability of each response token under a table of logits, and the token before it."""
    width = rollout.response_mask.shape[1]
    before, after = rollout.token_ids[:, -width - 1 : -1], rollout.token_ids[:, -width:].clamp(max=WORDS - 1)
    logprobs = torch.log_softmax(table / SETTINGS.temperature, dim=-1)
    return logprobs[before].gather(-1, after.unsqueeze(-1)).squeeze(-1), before


def used(trace: Trace) -> str:
    """The name of the way whose gradients are those of all later pushes of the first batch; "" where none is.

    At the first push the new policy is the old one, and several ways are the same.
    """
    pushes = [push for push in trace.pushes if push.rollout == 0][1:]
    found = [rows_of(push.read, trace.rollouts[0]) for push in pushes]
    if not pushes or any(rows is None for rows in found):
        return ""
    for name, way in ways(trace).items():
        gradients = [gradient(way, push.logits, trace.rollouts[0], rows) for push, rows in zip(pushes, found)]  # noqa: B905
        alike = [
            torch.cosine_similarity(one.flatten(), push.gradient.flatten(), dim=0)
            for one, push in zip(gradients, pushes, strict=True)
        ]
        if min(alike) > SAME:
            return name
    return ""


def rows_of(part: Read | None, rollout: Rollout) -> Int[Tensor, " rows"] | None:
    """Which texts of the rollout were read; None where others were."""
    texts = [tuple(row[row != PAD].tolist()) for row in rollout.token_ids]
    if part is None:
        return None
    wanted = [tuple(row[row != PAD].tolist()) for row in part.token_ids]
    return torch.tensor([texts.index(text) for text in wanted]) if {*wanted} <= {*texts} else None


def gradient(way: Way, logits: Tensor, rollout: Rollout, rows: Int[Tensor, " rows"]) -> Float[Tensor, "states words"]:
    """What a step on some rows goes down, at these logits."""
    table = logits.clone().requires_grad_()
    new = read(table, rollout)[0][rows]
    old = new.detach() if way.old is None else way.old[rows]
    loss = policy_loss(new, old, way.worth[rows], way.mask[rows], clip_eps=way.clip_eps)
    return torch.autograd.grad(way.sign * loss, table)[0]
