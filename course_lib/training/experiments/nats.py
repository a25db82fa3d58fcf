"""Where the nats go: what runs paid for their score, and the words at which a policy leaves its reference."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.equations.kl import exact_kl
from course_lib.training.experiments.frontier import Frontier
from course_lib.training.experiments.kl_estimates import response_logits
from course_lib.training.experiments.recordings import Recording, by_name
from course_lib.training.policy import Policy
from course_lib.training.rollout import Rollout


class Spent(NamedTuple):
    """What the runs of one name paid: means over their seeds, score and KL (nats) on held-out prompts.

    `fewest` are the nats that this score costs at the least; `explained` is the share of the variance of the returns
    that the values foresaw at step 1.
    """

    name: str
    score: float
    kl: float
    fewest: float
    explained: float


def fewest_nats(score: float, frontier: Frontier) -> float:
    """Read off the frontier what a score costs; above its end, on the line through its last two points.

    A frontier is never steeper further out, so there it lies under this line, and the score costs more.
    """
    kl, reached = (column[-2:] for column in (frontier.kl, frontier.score))
    known = frontier.nats_for(score)
    return known if known is not None else float(kl[1] + (score - reached[1]) * np.ptp(kl) / np.ptp(reached))


def mean_ends(recordings: Sequence[Recording]) -> list[tuple[float, float]]:
    """KL and score on held-out prompts after training: means over the seeds of each name, the nearest first."""
    groups = by_name(recordings).values()
    return sorted(tuple(float(np.mean([run.after[key] for run in runs])) for key in ("kl", "score")) for runs in groups)


def spent(recordings: Sequence[Recording], frontier: Frontier) -> list[Spent]:
    """Say for each name what its runs paid for their score, and what the frontier asks for it."""
    rows = []
    for name, runs in by_name(recordings).items():
        score, kl = (float(np.mean([run.after[figure] for run in runs])) for figure in ("score", "kl"))
        explained = float(np.mean([run.metrics["explained_variance"][0] for run in runs]))
        rows.append(Spent(name, score, kl, fewest_nats(score, frontier), explained))
    return rows


class ByToken(NamedTuple):
    """For each token of the vocabulary, a text: `nats` spent on what follows it, `times` that it comes before another.

    `moved` is the probability that it gained, over all places of a text at which it could have been written.
    """

    nats: Float[Tensor, " vocab"]
    times: Float[Tensor, " vocab"]
    moved: Float[Tensor, " vocab"]


@torch.no_grad()
def nats_by_token(policy: Policy, reference: Policy, rollout: Rollout, *, temperature: float) -> ByToken:
    """Measure before each response token of a rollout the KL from the reference, summed over the whole vocabulary."""
    logits, ref_logits = (response_logits(model.lm, rollout, temperature=temperature) for model in (policy, reference))
    before = rollout.token_ids[:, rollout.prompt_ids.shape[1] - 1 : -1][rollout.response_mask]
    kl = exact_kl(logits[None], ref_logits[None])[0]
    nats, times = (kl.new_zeros(logits.shape[1]).index_add(0, before, what) for what in (kl, torch.ones_like(kl)))
    moved = (logits.softmax(dim=-1) - ref_logits.softmax(dim=-1)).sum(dim=0)
    return ByToken(*(sums / len(rollout.token_ids) for sums in (nats, times, moved)))
