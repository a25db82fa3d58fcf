"""The mistakes that people make in PPO's loop, and how each shows in what a loop did; the first causes first."""

from contextlib import suppress
from functools import partial

import torch

from course_lib.classroom.exercises import ppo_misreadings as did
from course_lib.classroom.exercises.loop_symptoms import Symptom
from course_lib.classroom.exercises.ppo_pushes import ELSEWHERE
from course_lib.classroom.exercises.ppo_trace import SETTINGS, Trace

SYMPTOMS = [
    Symptom(
        "nothing is sampled from the policy that you are given",
        "PPO learns from what the policy itself writes: sample(policy, ...).",
        lambda trace: not any(by_policy for by_policy, _ in trace.sampled),
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
        "step() comes before backward()",
        "It goes where the last gradient led: optimizer.zero_grad(), loss.backward(), optimizer.step().",
        lambda trace: bool(trace.steps) and not trace.steps[0].backwards,
    ),
    Symptom(
        "zero_grad() stands between backward() and step()",
        "It wipes out what backward() has just written: clear before backward(), or after step().",
        lambda trace: bool(trace.steps) and not any(step.any_gradient for step in trace.steps),
    ),
    Symptom(
        "step() is missing",
        "backward() says which way to go, and optimizer.step() goes: the policy is what it was.",
        lambda trace: not did.moved(trace, "logits"),
    ),
    Symptom(
        "the reference learns",
        "The optimizer gets policy.parameters() alone; the reference is the place that the leash is tied to.",
        lambda trace: not torch.equal(trace.reference.logits, trace.begun[False][0]),
    ),
    Symptom(
        "the reference is never read",
        "The KL penalty needs its log-probabilities of the same tokens: kl_shaped_rewards takes them.",
        lambda trace: all(read.by_policy for read in trace.reads),
    ),
    Symptom(
        "a gradient goes through the old log-probabilities or the advantages",
        "What is known of a batch before the first step is a number, not a path: read it under torch.no_grad().",
        did.goes_through_the_batch,
    ),
    Symptom(
        "gradients pile up: zero_grad() is missing, or comes too seldom",
        "backward() adds to .grad; optimizer.zero_grad() clears it before each one.",
        lambda trace: trace.piled,
    ),
    Symptom(
        "one rollout serves for ever",
        "After its epochs a batch is old: sample a new one in every step.",
        lambda trace: len(trace.rollouts) == 1 or len(trace.sampled) == 1,
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
        did.reads_the_prompt,
    ),
    Symptom(
        "padding is read as text",
        "What stands behind the end of a text nobody wrote: give the policy rollout.response_mask.",
        did.reads_padding,
    ),
    Symptom(
        "texts are read at another temperature than they were written at",
        "Give temperature=settings.temperature to every call of policy and reference, or no ratio begins at 1.",
        lambda trace: any(read.temperature != SETTINGS.temperature for read in trace.reads),
    ),
    Symptom(
        "some texts of a batch are never trained on",
        "Each epoch goes once through all rows: torch.randperm(batch_size, generator=generator).chunk(minibatches).",
        lambda trace: {*did.texts_read(trace)} < {*did.batch(trace)},
    ),
    Symptom(
        "settings.epochs is not used",
        f"A batch serves for {SETTINGS.epochs} epochs: all of its texts, in an order drawn anew for each.",
        lambda trace: (
            len(did.texts_read(trace)) <= SETTINGS.batch_size and len(did.in_first_batch(trace)) <= SETTINGS.minibatches
        ),
    ),
    Symptom(
        "settings.minibatches is not used",
        f"Each epoch takes one step on each of {SETTINGS.minibatches} parts of the batch.",
        lambda trace: len(did.in_first_batch(trace)) <= SETTINGS.epochs,
    ),
    Symptom(
        "the rows are never shuffled",
        "The same texts meet in each epoch: take its rows from torch.randperm(batch_size, generator=generator).",
        lambda trace: did.texts_read(trace) == SETTINGS.epochs * did.batch(trace),
    ),
    Symptom(
        "the optimizer is made anew in every step",
        "Adam remembers the gradients that it has seen: make it once, above the loop.",
        lambda trace: len(trace.optimizers) > 1,
    ),
    Symptom(
        "the objective is gone down, not climbed",
        "policy_loss has its minus already; an objective of your own needs one.",
        did.climbed,
    ),
    Symptom(
        "the KL penalty has the wrong sign",
        "A token pays for being likelier than under the reference: -kl_coef * (old - ref).",
        partial(did.first, kl_sign=-1.0),
    ),
    Symptom(
        "there is no KL penalty in the rewards",
        "kl_shaped_rewards(..., kl_coef=settings.kl_coef) charges each token.",
        partial(did.first, kl_sign=0.0),
    ),
    Symptom(
        "the score is paid at the wrong token",
        "It belongs to the last token that the policy wrote, neither to the first nor to the last column, and once.",
        lambda trace: did.first(trace, *ELSEWHERE),
    ),
    Symptom(
        "the reference stands where the old policy belongs",
        "The ratio compares with the policy that wrote the batch; the reference belongs to the KL penalty.",
        did.by_the_reference,
    ),
    Symptom(
        "returns stand where advantages belong",
        "The policy climbs what a token was worth beyond the expectation; returns are what the values learn.",
        partial(did.first, rest=1.0),
    ),
    Symptom(
        "the old log-probabilities are taken anew in each pass",
        "Then nothing holds an update back: read them once, before the first step on the batch, and keep them.",
        did.by_a_later_policy,
    ),
    Symptom(
        "nothing is clipped",
        "policy_loss takes clip_eps=settings.clip_eps.",
        did.past_the_clip,
    ),
    Symptom(
        "padding is counted as tokens",
        "Means, and the mean and variance of whitening, are over the real tokens alone: where response_mask is True.",
        did.padding_counts,
    ),
    Symptom(
        "the returns are made of whitened advantages",
        "What the values should have been is advantages + old values, before whitening.",
        partial(did.values_learn, whitened=True, returns=True),
    ),
    Symptom(
        "the values learn the advantages, not the returns",
        "What the values should have been is advantages + old values.",
        lambda trace: any(did.values_learn(trace, whitened=whitened, returns=False) for whitened in (True, False)),
    ),
    Symptom(
        "the values never learn",
        "Advantages are measured against them: add settings.vf_coef times the value loss to the loss.",
        lambda trace: not did.moved(trace, "values") and did.values_are_used(trace),
    ),
]
BEFORE_AN_ERROR = {
    "the policy is never read with gradients",
    "a gradient goes through the old log-probabilities or the advantages",
    "the prompt is trained on, too",
}


def symptom(trace: Trace, *, stopped_early: bool = False) -> Symptom | None:
    """The first mistake that a run shows; of one that stopped early, only what had come by then."""
    for each in SYMPTOMS:
        with suppress(IndexError, ValueError):
            if (not stopped_early or (each.name in BEFORE_AN_ERROR and trace.reads)) and each.shows(trace):
                return each
    return None
