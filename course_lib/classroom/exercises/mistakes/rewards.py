"""Wrong versions of the exercise that makes one reward per token of a text's score and its KL penalties."""

import torch

from course_lib.classroom.exercises.exercise import Exercise, Mistake, probe
from course_lib.equations import advantages, kl


def _penalties(logprobs, ref_logprobs, mask, kl_coef):
    return -kl_coef * (logprobs - ref_logprobs) * mask


def _paid(penalties, scores, index):
    rewards = penalties.clone()
    rewards[torch.arange(len(scores)), index] += scores
    return rewards


def _last(mask):
    return mask.sum(dim=1) - 1


def _shaped_with(estimator):
    def version(scores, logprobs, ref_logprobs, mask, *, kl_coef):
        return _paid(-kl_coef * estimator(logprobs, ref_logprobs) * mask, scores, _last(mask))

    return version


def _paid_at(index):
    def version(scores, logprobs, ref_logprobs, mask, *, kl_coef):
        return _paid(_penalties(logprobs, ref_logprobs, mask, kl_coef), scores, index(mask))

    return version


def _all_rows_paid(scores, logprobs, ref_logprobs, mask, *, kl_coef):
    rewards = _penalties(logprobs, ref_logprobs, mask, kl_coef)
    rewards[:, _last(mask)] += scores
    return rewards


def _score_in_place_of_penalty(scores, logprobs, ref_logprobs, mask, *, kl_coef):
    rewards = _penalties(logprobs, ref_logprobs, mask, kl_coef)
    rewards[torch.arange(len(scores)), _last(mask)] = scores
    return rewards


def _whole_kl_at_the_end(scores, logprobs, ref_logprobs, mask, *, kl_coef):
    penalties = _penalties(logprobs, ref_logprobs, mask, kl_coef)
    return _paid(torch.zeros_like(penalties), scores + penalties.sum(1), _last(mask))


def _padding_charged(scores, logprobs, ref_logprobs, mask, *, kl_coef):
    return _paid(-kl_coef * (logprobs - ref_logprobs), scores, _last(mask))


def _mask_not_used(scores, logprobs, ref_logprobs, mask, *, kl_coef):
    return _paid(-kl_coef * (logprobs - ref_logprobs), scores, -1)


def _score_weighted(scores, logprobs, ref_logprobs, mask, *, kl_coef):
    return _paid(_penalties(logprobs, ref_logprobs, mask, kl_coef), kl_coef * scores, _last(mask))


KL_SHAPED_REWARDS = Exercise(
    reference=advantages.kl_shaped_rewards,
    success="every real token pays for leaving the reference, and the last real one earns the score as well.",
    probes=[
        probe(scores=[3], logprobs=[[-1]], ref_logprobs=[[-2]], response_mask=[[1]], kl_coef=0.1),
        probe(scores=[3], logprobs=[[-1, -4]], ref_logprobs=[[-2, -2]], response_mask=[[1, 1]], kl_coef=0.1),
        probe(scores=[3], logprobs=[[-1, -4]], ref_logprobs=[[-2, -2]], response_mask=[[1, 0]], kl_coef=0.1),
        probe(
            scores=[3, -2],
            logprobs=[[-1, -4, -2], [-3, -1, -5]],
            ref_logprobs=[[-2, -2, -2.5], [-1, -1.5, -1]],
            response_mask=[[1, 1, 1], [1, 1, 0]],
            kl_coef=0.2,
        ),
    ],
    draw=lambda d: {
        "scores": d.numbers(d.batch),
        "logprobs": d.logprobs(),
        "ref_logprobs": d.logprobs(),
        "response_mask": d.mask(),
        "kl_coef": d.one_of(0.1, 0.2, 0.5),
    },
    mistakes=[
        Mistake(
            "the KL penalty has the wrong sign",
            "Leaving the reference must cost: -kl_coef * (logprobs - ref_logprobs).",
            _shaped_with(lambda logprobs, ref_logprobs: ref_logprobs - logprobs),
        ),
        Mistake(
            "the KL penalty is missing",
            "Each real token is charged -kl_coef * (logprobs - ref_logprobs).",
            _shaped_with(lambda logprobs, ref_logprobs: torch.zeros_like(logprobs)),
        ),
        Mistake(
            "the penalty takes k2 for the log-ratio",
            "The penalty is the plain difference, of either sign: only its mean is the KL.",
            _shaped_with(kl.k2),
        ),
        Mistake(
            "the penalty takes k3 for the log-ratio",
            "The penalty is the plain difference, of either sign: only its mean is the KL.",
            _shaped_with(kl.k3),
        ),
        Mistake(
            "the penalty takes the absolute difference",
            "A token that the policy likes less than the reference earns something: keep the sign.",
            _shaped_with(lambda logprobs, ref_logprobs: (logprobs - ref_logprobs).abs()),
        ),
        Mistake(
            "the penalty subtracts probabilities, not their logarithms",
            "Leave out the exponentials: logprobs - ref_logprobs.",
            _shaped_with(lambda logprobs, ref_logprobs: logprobs.exp() - ref_logprobs.exp()),
        ),
        Mistake(
            "kl_coef is forgotten",
            "It sets the price of a nat: multiply the penalty by it.",
            lambda scores, logprobs, ref_logprobs, mask, *, kl_coef: advantages.kl_shaped_rewards(
                scores, logprobs, ref_logprobs, mask, kl_coef=1
            ),
        ),
        Mistake(
            "kl_coef multiplies the score too",
            "The score is paid in full; only the penalty is multiplied.",
            _score_weighted,
        ),
        Mistake(
            "the score is paid at every token",
            "It judges the whole text, and a longer text must not earn more: pay it once, at the last real token.",
            lambda scores, logprobs, ref_logprobs, mask, *, kl_coef: (
                (_penalties(logprobs, ref_logprobs, mask, kl_coef) + scores[:, None]) * mask
            ),
            also=(
                lambda scores, logprobs, ref_logprobs, mask, *, kl_coef: (
                    _penalties(logprobs, ref_logprobs, mask, kl_coef) + scores[:, None]
                ),
                lambda scores, logprobs, ref_logprobs, mask, *, kl_coef: (
                    -kl_coef * (logprobs - ref_logprobs) + scores[:, None]
                ),
            ),
        ),
        Mistake(
            "every text's score is paid in every row, at the last tokens of all",
            "rewards[:, last] takes these columns in all rows; one a row is rewards[torch.arange(len(scores)), last].",
            _all_rows_paid,
        ),
        Mistake(
            "the score is spread over the tokens",
            "Pay it whole, at the last real token; GAE spreads the credit.",
            lambda scores, logprobs, ref_logprobs, mask, *, kl_coef: (
                (_penalties(logprobs, ref_logprobs, mask, kl_coef) + (scores / mask.sum(1))[:, None]) * mask
            ),
        ),
        Mistake(
            "the score is not paid",
            "Add it at the last real token.",
            lambda scores, logprobs, ref_logprobs, mask, *, kl_coef: _penalties(logprobs, ref_logprobs, mask, kl_coef),
        ),
        Mistake(
            "the score is paid at the last column, even if that is padding",
            "The last real token of a row is number response_mask.sum(dim=1) - 1.",
            _paid_at(lambda mask: torch.full_like(_last(mask), -1)),
        ),
        Mistake(
            "the score is paid at the first token",
            "It is known when the text is complete: pay it at the last real token.",
            _paid_at(lambda mask: torch.zeros_like(_last(mask))),
        ),
        Mistake(
            "the score is paid one token too early",
            "Indices begin at 0: the last real token is number response_mask.sum(dim=1) - 1.",
            _paid_at(lambda mask: (_last(mask) - 1).clamp(min=0)),
        ),
        Mistake(
            "the score replaces the last token's penalty",
            "Add it to the penalty that stands there: += and not =.",
            _score_in_place_of_penalty,
        ),
        Mistake(
            "the whole penalty is charged at the last token",
            "Each token pays for itself, where it left the reference.",
            _whole_kl_at_the_end,
        ),
        Mistake(
            "the mask is not used in the rewards",
            "Padding is charged nothing, and the last real token of a row is number response_mask.sum(dim=1) - 1.",
            _mask_not_used,
        ),
        Mistake(
            "padding is charged a penalty",
            "Multiply the penalties by response_mask.",
            _padding_charged,
        ),
    ],
)
