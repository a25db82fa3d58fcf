"""The mistakes that people make in PPO's loop, and how each shows in what a loop did; the first causes first."""

from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import torch

from course_lib.classroom.exercises.ppo_pushes import rows_of, used
from course_lib.classroom.exercises.ppo_trace import PROMPTS, SETTINGS, UPDATES, Read, Trace


class Symptom(NamedTuple):
    """A mistake, the hint that leads out, and how it shows in what a loop did."""

    name: str
    hint: str
    shows: Callable[[Trace], bool]


def whole_reads(trace: Trace) -> list[Read]:
    """The policy's reads of all texts of a batch at once."""
    return [read for read in trace.reads if read.by_policy and len(read.token_ids) == SETTINGS.batch_size]


def reference_learns(trace: Trace) -> bool:
    """Whether the reference's weights have changed."""
    return not torch.equal(trace.reference.logits, trace.reference_begun)


def left_out(trace: Trace) -> bool:
    """Whether the steps of the first batch never read some of its texts."""
    rows = [rows_of(push.read, trace.rollouts[0]) for push in trace.pushes if push.rollout == 0]
    texts = {tuple(row.tolist()) for row in trace.rollouts[0].token_ids}
    read = {tuple(trace.rollouts[0].token_ids[row].tolist()) for part in rows if part is not None for row in part}
    return bool(rows) and all(part is not None for part in rows) and read < texts


def goes_by(*names: str) -> Callable[[Trace], bool]:
    """Whether the gradients are those of a known way."""
    return lambda trace: used(trace) in names


SYMPTOMS = [
    Symptom(
        "nothing is sampled from the policy that you are given",
        "PPO learns from what the policy itself writes: sample(policy, ...).",
        lambda trace: not trace.sampled,
    ),
    Symptom(
        "score is never called",
        "score(rollout) says what each text is worth.",
        lambda trace: not trace.rollouts,
    ),
    Symptom(
        "the policy is never read with gradients",
        "new = policy(token_ids, response_mask, temperature=...) inside the loop over minibatches, without no_grad.",
        lambda trace: not any(read.by_policy and read.with_gradient for read in trace.reads),
    ),
    Symptom(
        "backward() is missing, or nothing of the loss leads back to the policy",
        "loss.backward() writes into each weight's .grad which way the loss falls; .detach() and .item() cut it off.",
        lambda trace: not trace.backwards,
    ),
    Symptom(
        "zero_grad() stands between backward() and step()",
        "It wipes out what backward() has just written: clear before backward(), or after step().",
        lambda trace: bool(trace.pushes) and not any(push.gradient.any() for push in trace.pushes),
    ),
    Symptom(
        "step() is missing",
        "backward() says which way to go, and optimizer.step() goes: the policy is what it was.",
        lambda trace: torch.equal(trace.policy.logits, trace.begun),
    ),
    Symptom(
        "the reference learns",
        "The optimizer gets policy.parameters() alone; the reference is the place that the leash is tied to.",
        reference_learns,
    ),
    Symptom(
        "the reference is never read",
        "The KL penalty needs its log-probabilities of the same tokens: kl_shaped_rewards takes them.",
        lambda trace: all(read.by_policy for read in trace.reads),
    ),
    Symptom(
        "a gradient goes through the old log-probabilities or the advantages",
        "What is known of a batch before the first step is a number, not a path: read it under torch.no_grad().",
        lambda trace: any(read.gradients and read.with_gradient for read in whole_reads(trace)),
    ),
    Symptom(
        "gradients pile up: zero_grad() is missing, or comes too seldom",
        "backward() adds to .grad; optimizer.zero_grad() clears it before each one.",
        lambda trace: trace.piled,
    ),
    Symptom(
        "one rollout serves for ever",
        "After its epochs a batch is old: sample a new one in every step.",
        lambda trace: len(trace.rollouts) == 1 or trace.sampled == 1,
    ),
    Symptom(
        "settings.iterations is not used",
        f"There are {SETTINGS.iterations} steps, each with a batch of its own.",
        lambda trace: len(trace.rollouts) != SETTINGS.iterations,
    ),
    Symptom(
        "settings.batch_size is not used",
        "Draw as many prompts, with torch.randint(len(prompts), (settings.batch_size,), generator=generator).",
        lambda trace: len(trace.rollouts[0].token_ids) != SETTINGS.batch_size,
    ),
    Symptom(
        "the prompt is trained on, too",
        "response_mask is the rollout's: as wide as the response, False at padding.",
        lambda trace: any(
            read.response_mask.shape[1] > read.token_ids.shape[1] - PROMPTS.shape[1] for read in trace.reads
        ),
    ),
    Symptom(
        "texts are read at another temperature than they were written at",
        "Give temperature=settings.temperature to every call of policy and reference, or no ratio begins at 1.",
        lambda trace: any(read.temperature != SETTINGS.temperature for read in trace.reads),
    ),
    Symptom(
        "some texts of a batch are never trained on",
        "Each epoch goes once through all rows: torch.randperm(batch_size, generator=generator).chunk(minibatches).",
        left_out,
    ),
    Symptom(
        "there are not epochs × minibatches steps on each batch",
        f"Here {SETTINGS.epochs} epochs of {SETTINGS.minibatches} minibatches each make {UPDATES}.",
        lambda trace: len(trace.pushes) != SETTINGS.iterations * UPDATES,
    ),
    Symptom(
        "the optimizer is made anew in every step",
        "Adam remembers the gradients that it has seen: make it once, above the loop.",
        lambda trace: len(trace.optimizers) > 1,
    ),
    Symptom(
        "the objective is gone down, not climbed",
        "policy_loss has its minus already; an objective of your own needs one.",
        goes_by("climbed"),
    ),
    Symptom(
        "the old log-probabilities are taken anew in each pass",
        "Then every ratio is 1 and nothing is ever clipped: read them once, before the first step on the batch.",
        goes_by("old anew"),
    ),
    Symptom(
        "the reference stands where the old policy belongs",
        "The ratio compares with the policy that wrote the batch; the reference belongs to the KL penalty.",
        goes_by("reference as old"),
    ),
    Symptom(
        "the KL penalty has the wrong sign",
        "A token pays for being likelier than under the reference: -kl_coef * (old - ref).",
        goes_by("KL sign"),
    ),
    Symptom(
        "there is no KL penalty in the rewards",
        "kl_shaped_rewards(..., kl_coef=settings.kl_coef) charges each token.",
        goes_by("no KL"),
    ),
    Symptom(
        "the score is paid at the wrong token",
        "It belongs to the last token that the policy wrote, neither to the first nor to the last column.",
        goes_by("first token", "last place"),
    ),
    Symptom(
        "returns stand where advantages belong",
        "The policy climbs what a token was worth beyond the expectation; returns are what the values learn.",
        goes_by("returns"),
    ),
    Symptom(
        "padding is counted as tokens",
        "Mean and variance are over the real tokens alone: where response_mask is True.",
        goes_by("padding", "padding whitened"),
    ),
    Symptom(
        "nothing is clipped",
        "policy_loss takes clip_eps=settings.clip_eps.",
        goes_by("no clip"),
    ),
]


def symptom(trace: Trace, *, stopped_early: bool = False) -> Symptom | None:
    """The first mistake that a run shows; of one that stopped early, only what had come by then."""
    early = {"the policy is never read with gradients", "the prompt is trained on, too"}
    for each in SYMPTOMS:
        with suppress(IndexError):
            if (not stopped_early or (each.name in early and trace.reads)) and each.shows(trace):
                return each
    return None
