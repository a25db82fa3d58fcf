"""Wrong versions of the exercise on the experience of a batch: rewards, advantages, returns."""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.classroom.exercises.exercise import Exercise, Mistake, probe
from course_lib.classroom.exercises.ppo_steps import experience
from course_lib.equations.advantages import gae, kl_shaped_rewards, whiten


def _estimated(scores, old, ref, values, mask, *, kl_coef, gamma, lam, shaped=kl_shaped_rewards):
    return gae(shaped(scores, old, ref, mask, kl_coef=kl_coef), values, mask, gamma=gamma, lam=lam)


def _finished(finish: Callable) -> Callable:
    """Experience whose last line is another one, of raw advantages, values and mask."""
    return lambda scores, old, ref, values, mask, **rates: finish(
        _estimated(scores, old, ref, values, mask, **rates), values, mask
    )


def _with_rewards_as_returns(scores, old, ref, values, mask, *, kl_coef, **rates):
    advantages = _estimated(scores, old, ref, values, mask, kl_coef=kl_coef, **rates)
    return whiten(advantages, mask), kl_shaped_rewards(scores, old, ref, mask, kl_coef=kl_coef)


def _padded(advantages: Tensor, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    whitened = (advantages - advantages.mean()) * torch.rsqrt(advantages.var(correction=0) + 1e-8)
    return whitened * mask, advantages + values


def _paid_elsewhere(place: Callable[[Tensor], Tensor]) -> Callable:
    """Experience in which the score goes to the places that a mask is made into."""

    def shaped(scores, old, ref, mask, *, kl_coef):
        return (place(mask) * scores[:, None] - kl_coef * (old - ref)) * mask

    def version(scores, old, ref, values, mask, **rates):
        advantages = _estimated(scores, old, ref, values, mask, shaped=shaped, **rates)
        return whiten(advantages, mask), advantages + values

    return version


def _rated(**fixed: float) -> Callable:
    """Experience with a rate that is fixed."""
    return lambda *inputs, **rates: experience(*inputs, **rates | fixed)


EXPERIENCE = Exercise(
    reference=experience,
    success="advantages that say which tokens to push, and returns for the values to learn.",
    probes=[
        probe(
            scores=[3],
            old_logprobs=[[-1, -2]],
            ref_logprobs=[[-2, -1]],
            old_values=[[1, 2]],
            response_mask=[[1, 1]],
            kl_coef=0.5,
            gamma=1,
            lam=0.5,
        ),
        probe(
            scores=[2, -1],
            old_logprobs=[[-1, -2, -1], [-3, -1, 0]],
            ref_logprobs=[[-2, -1, -1.5], [-1, -2, 0]],
            old_values=[[1, 2, 0.5], [-1, 0.5, 0]],
            response_mask=[[1, 1, 1], [1, 1, 0]],
            kl_coef=0.25,
            gamma=0.5,
            lam=0.75,
        ),
    ],
    draw=lambda d: {
        "scores": d.numbers(d.batch, low=-9, high=9),
        "old_logprobs": (mask := d.mask()) * d.logprobs(),
        "ref_logprobs": mask * d.logprobs(),
        "old_values": mask * d.tokens(low=-9, high=9),
        "response_mask": mask,
        "kl_coef": d.one_of(0.25, 0.5),
        "gamma": d.one_of(1.0, 0.5),
        "lam": d.one_of(0.5, 0.75),
    },
    mistakes=[
        Mistake(
            "the returns are made of whitened advantages",
            "The values learn what really came: returns = advantages + old_values, before whitening.",
            _finished(lambda advantages, values, mask: (white := whiten(advantages, mask), white + values)),
        ),
        Mistake(
            "the advantages are not whitened",
            "whiten(advantages, response_mask) comes last, when the returns are made.",
            _finished(lambda advantages, values, mask: (advantages, advantages + values)),
        ),
        Mistake(
            "padding is whitened too",
            "Mean and variance are those of the real tokens: whiten(advantages, response_mask).",
            _finished(_padded),
            also=(_finished(lambda *given: (_padded(*given)[0], given[0] + given[1])),),
        ),
        Mistake(
            "the rewards are given as returns",
            "A reward is one token's; a return is all that is still to come: advantages + old_values.",
            _with_rewards_as_returns,
        ),
        Mistake(
            "the old values are subtracted from the advantages",
            "An advantage is what came less the value, so add the value again: returns = advantages + old_values.",
            _finished(lambda advantages, values, mask: (whiten(advantages, mask), advantages - values)),
            also=(_finished(lambda advantages, values, mask: (white := whiten(advantages, mask), white - values)),),
        ),
        Mistake(
            "the returns are whitened too",
            "Only the advantages are: the values have the size of what really came.",
            _finished(lambda advantages, values, mask: (whiten(advantages, mask), whiten(advantages + values, mask))),
        ),
        Mistake(
            "the returns are the advantages",
            "What the values should have been is advantages + old_values.",
            _finished(lambda advantages, values, mask: (whiten(advantages, mask), advantages)),
            also=(_finished(lambda advantages, values, mask: (whiten(advantages, mask), whiten(advantages, mask))),),
        ),
        Mistake(
            "returns stand where advantages belong",
            "An advantage is what a token was worth beyond the value: whiten gae's result, not the returns.",
            _finished(lambda advantages, values, mask: (whiten(advantages + values, mask), advantages + values)),
        ),
        Mistake(
            "the two results are exchanged",
            "Advantages first, then returns.",
            lambda *inputs, **rates: experience(*inputs, **rates)[::-1],
        ),
        Mistake(
            "the KL's sign is wrong",
            "Who leaves the reference pays: -kl_coef * (old_logprobs - ref_logprobs).",
            lambda scores, old, ref, *rest, **rates: experience(scores, ref, old, *rest, **rates),
        ),
        Mistake(
            "the KL is not charged",
            "kl_shaped_rewards(scores, old_logprobs, ref_logprobs, response_mask, kl_coef=kl_coef).",
            _rated(kl_coef=0.0),
        ),
        Mistake(
            "the score is paid at the wrong token",
            "It is paid once, at the last real token of each row.",
            _paid_elsewhere(lambda mask: mask),
            also=(
                _paid_elsewhere(lambda mask: torch.arange(mask.shape[1]) == 0),
                _paid_elsewhere(lambda mask: torch.arange(mask.shape[1]) == mask.shape[1] - 1),
            ),
        ),
        Mistake(
            "the old values are not used",
            "An advantage is measured against them: gae(rewards, old_values, ...).",
            lambda scores, old, ref, values, *rest, **rates: experience(scores, old, ref, 0 * values, *rest, **rates),
            also=(
                lambda scores, old, ref, values, mask, **rates: (
                    experience(scores, old, ref, 0 * values, mask, **rates)[0],
                    experience(scores, old, ref, 0 * values, mask, **rates)[1] + values,
                ),
            ),
        ),
        Mistake("lam is not used", "Give it to gae.", _rated(lam=0.95), also=(_rated(lam=1.0), _rated(lam=0.0))),
        Mistake("gamma is not used", "Give it to gae.", _rated(gamma=1.0)),
    ],
)
