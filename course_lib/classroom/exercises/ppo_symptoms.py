"""The mistakes that people make in PPO's loop, and how each shows in what a loop did; the first causes first."""

import torch

from course_lib.classroom.exercises import ppo_misreadings as did
from course_lib.classroom.exercises.climb_symptoms import CLIMB_SYMPTOMS
from course_lib.classroom.exercises.ppo_errors import out_of_bounds, rows_forgotten, sizes_differ, used_up
from course_lib.classroom.exercises.ppo_trace import SETTINGS, UPDATES
from course_lib.classroom.exercises.symptom import Symptom, cut_off

ROWS = SETTINGS.batch_size // SETTINGS.minibatches
DRAW = "Draw as many: prompts[torch.randint(len(prompts), (settings.batch_size,), generator=generator)]"
FALLING = 'optimizer.param_groups[0]["lr"] = settings.learning_rate * (1 - step / settings.iterations)'
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
        cut_off,
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
        used_up,
    ),
    Symptom(
        "gradients pile up: zero_grad() is missing, or comes too seldom",
        "backward() adds to .grad; optimizer.zero_grad() clears it before each one.",
        lambda trace: trace.piled,
    ),
    Symptom(
        f"it returned after 1 of {SETTINGS.iterations} steps",
        "Is `return` inside the loop? It belongs below it, as far left as the first `for`.",
        lambda trace: len(trace.rollouts) == len(trace.sampled) == 1 and len(trace.steps) <= UPDATES,
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
        "the first prompts are taken, not drawn ones",
        f"{DRAW}, in every step.",
        did.first_prompts,
        out_of_bounds,
    ),
    Symptom(
        "settings.batch_size is not used",
        f"{DRAW}.",
        lambda trace: len(trace.rollouts[0].token_ids) != SETTINGS.batch_size,
    ),
    Symptom(
        "the prompt is trained on, too",
        "response_mask is the rollout's: as wide as the response, False at padding.",
        did.reads_the_prompt,
        sizes_differ,
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
        f"what is known of {SETTINGS.batch_size} texts meets a minibatch of {ROWS}",
        "Take the minibatch's rows of each: advantages[rows], returns[rows], old.logprobs[rows], old.values[rows].",
        did.stopped_in_a_minibatch,
        rows_forgotten,
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
        f"an epoch has minibatches of {SETTINGS.minibatches} rows, not {SETTINGS.minibatches} of them",
        "split(n) makes parts of n rows, chunk(n) makes n parts.",
        lambda trace: {len(read.token_ids) for read in did.in_first_batch(trace)} == {SETTINGS.minibatches},
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
        "settings.learning_rate is not used",
        "Give it to the optimizer as lr.",
        lambda trace: bool(trace.steps) and abs(trace.steps[0].rate / SETTINGS.learning_rate - 1) > 0.5,
    ),
    Symptom(
        "the learning rate does not fall",
        f"{FALLING}, at the top of each step.",
        lambda trace: min(did.rates(trace)[-1]) > 0.6 * did.rates(trace)[0][0],
    ),
    Symptom(
        "the learning rate is 0 in the last step already",
        f"The first step takes all of it: {FALLING}.",
        lambda trace: max(did.rates(trace)[-1]) == 0,
    ),
    Symptom(
        "gradients are longer than settings.max_grad_norm where the optimizer steps",
        "nn.utils.clip_grad_norm_(policy.parameters(), settings.max_grad_norm) stands between backward() and step().",
        lambda trace: any(step.length > 1.001 * SETTINGS.max_grad_norm for step in trace.steps),
    ),
    *CLIMB_SYMPTOMS,
]
