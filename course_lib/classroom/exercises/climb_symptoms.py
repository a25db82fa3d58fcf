"""The mistakes that show in what a PPO loop climbs: in how it pushed its tokens, and to what it drew its values."""

from functools import partial

from course_lib.classroom.exercises import ppo_misreadings as did
from course_lib.classroom.exercises.ppo_pushes import ELSEWHERE
from course_lib.classroom.exercises.symptom import Symptom

CLIMB_SYMPTOMS = [
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
        "texts that do not end are not penalised",
        "paid = penalised(scores, rollout, settings.missing_eos_penalty) is what the rewards are made of.",
        partial(did.first, penalty=0.0),
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
