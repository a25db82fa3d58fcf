"""Wrong versions of DPO's loss."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from course_lib.classroom.exercises.exercise import Exercise, Mistake, probe
from course_lib.equations import preferences


def _of_margin(margin: Callable[..., Tensor], loss: Callable[[Tensor], Tensor] | None = None) -> Callable:
    """A wrong version: the loss of another margin, out of kl_coef and the four log-probabilities."""
    loss = loss or (lambda gaps: -F.logsigmoid(gaps).mean())
    return lambda chosen, rejected, ref_chosen, ref_rejected, *, kl_coef: loss(
        margin(kl_coef, chosen, rejected, ref_chosen, ref_rejected)
    )


def _right(kl_coef: float | int, chosen: Tensor, rejected: Tensor, ref_chosen: Tensor, ref_rejected: Tensor) -> Tensor:
    return kl_coef * ((chosen - ref_chosen) - (rejected - ref_rejected))


def _log_of_no_less(eps: float) -> Callable:
    return _of_margin(_right, lambda gaps: -torch.log(torch.sigmoid(gaps) + eps).mean())


DPO_LOSS = Exercise(
    reference=preferences.dpo_loss,
    success="it is log 2 at the reference and falls as the chosen text gains on the rejected one.",
    gradient_of=("chosen_logprobs", "rejected_logprobs"),
    probes=[
        probe(
            chosen_logprobs=[-3],
            rejected_logprobs=[-5],
            ref_chosen_logprobs=[-4],
            ref_rejected_logprobs=[-4.5],
            kl_coef=0.5,
        ),
        probe(
            chosen_logprobs=[-3, -8],
            rejected_logprobs=[-5, -6],
            ref_chosen_logprobs=[-4, -7.5],
            ref_rejected_logprobs=[-4.5, -9],
            kl_coef=0.2,
        ),
        probe(
            chosen_logprobs=[-400],
            rejected_logprobs=[-100],
            ref_chosen_logprobs=[-150],
            ref_rejected_logprobs=[-150],
            kl_coef=1,
        ),
    ],
    draw=lambda d: {
        "chosen_logprobs": d.numbers(d.length, low=-100, high=0),
        "rejected_logprobs": d.numbers(d.length, low=-100, high=0),
        "ref_chosen_logprobs": d.numbers(d.length, low=-100, high=0),
        "ref_rejected_logprobs": d.numbers(d.length, low=-100, high=0),
        "kl_coef": d.one_of(0.1, 0.5, 1),
    },
    mistakes=[
        Mistake(
            "DPO's margin has the wrong sign",
            "The rejected text becomes likelier: chosen comes before rejected, and the policy before the reference.",
            _of_margin(lambda *inputs: -_right(*inputs)),
        ),
        Mistake(
            "DPO's minus sign is missing",
            "A log-probability is negative; the loss is minus it, so that a smaller one is better.",
            _of_margin(_right, lambda gaps: F.logsigmoid(gaps).mean()),
        ),
        Mistake(
            "the reference is forgotten",
            "An implied reward is log policy less log reference: otherwise frequent texts count as good ones.",
            _of_margin(lambda kl_coef, chosen, rejected, *_: kl_coef * (chosen - rejected)),
        ),
        Mistake(
            "the reference is added, not taken off",
            "Policy over reference: subtract each text's own reference log-probability from the policy's.",
            _of_margin(
                lambda kl_coef, chosen, rejected, ref_chosen, ref_rejected: (
                    kl_coef * ((chosen + ref_chosen) - (rejected + ref_rejected))
                )
            ),
        ),
        Mistake(
            "kl_coef is missing",
            "It is the scale of the implied rewards, and the only leash that DPO has.",
            _of_margin(lambda kl_coef, *logprobs: _right(1.0, *logprobs)),
        ),
        Mistake(
            "the margin is divided by kl_coef",
            "The optimum is reference * exp(reward / kl_coef), so the reward is kl_coef times the log of the ratio.",
            _of_margin(lambda kl_coef, *logprobs: _right(1 / kl_coef, *logprobs)),
        ),
        Mistake(
            "the loss is multiplied by kl_coef, not the margin",
            "kl_coef belongs inside the sigmoid.",
            lambda *logprobs, kl_coef: -kl_coef * F.logsigmoid(_right(1.0, *logprobs)).mean(),
        ),
        Mistake(
            "kl_coef multiplies the chosen text's reward alone",
            "Both implied rewards are kl_coef times a log-ratio: set brackets round their difference.",
            _of_margin(
                lambda kl_coef, chosen, rejected, ref_chosen, ref_rejected: (
                    kl_coef * (chosen - ref_chosen) - (rejected - ref_rejected)
                )
            ),
        ),
        Mistake(
            "the rejected text's reward has no brackets",
            "a - (b - c) is a - b + c: set brackets round the rejected text's log-ratio.",
            _of_margin(
                lambda kl_coef, chosen, rejected, ref_chosen, ref_rejected: (
                    kl_coef * (chosen - ref_chosen - rejected - ref_rejected)
                )
            ),
        ),
        Mistake(
            "the margins are averaged before the sigmoid",
            "Each pair has a loss of its own: take the mean of the losses, not the loss of the mean margin.",
            _of_margin(_right, lambda gaps: -F.logsigmoid(gaps.mean())),
        ),
        Mistake(
            "only the chosen text counts",
            "A pair says which of two is better: the rejected text's implied reward is taken off.",
            _of_margin(lambda kl_coef, chosen, _, ref_chosen, __: kl_coef * (chosen - ref_chosen)),
        ),
        Mistake(
            "probabilities are compared, not their logarithms",
            "The inputs are log-probabilities already, and their differences are what is asked: no exponential.",
            _of_margin(lambda kl_coef, *logprobs: _right(kl_coef, *(torch.exp(part) for part in logprobs))),
        ),
        Mistake(
            "the pairs' losses are added up",
            "With a sum, more pairs mean larger steps: take the mean of DPO's losses.",
            _of_margin(_right, lambda gaps: -F.logsigmoid(gaps).sum()),
        ),
        Mistake(
            "the mean over DPO's pairs is missing",
            "One loss per pair came; one number for all of them is asked.",
            _of_margin(_right, lambda gaps: -F.logsigmoid(gaps)),
        ),
        Mistake(
            "the sigmoid is missing from DPO's loss",
            "Without it nothing stops the margin from growing: the loss is -log sigmoid(margin).",
            _of_margin(_right, lambda gaps: -gaps.mean()),
        ),
        Mistake(
            "log(sigmoid(margin)) breaks for a large margin",
            "The sigmoid of -300 is 0 on a computer, and log 0 is -inf: F.logsigmoid(margin) does both steps safely.",
            _of_margin(_right, lambda gaps: -torch.log(torch.sigmoid(gaps)).mean()),
        ),
        Mistake(
            "a small number keeps p away from 0 in DPO's logarithm",
            "log(p + 1e-8) never goes below -18.4, and gross mistakes stop teaching: F.logsigmoid needs no help.",
            _log_of_no_less(1e-8),
            also=tuple(_log_of_no_less(eps) for eps in (1e-6, 1e-7, 1e-9, 1e-10, 1e-12)),
        ),
    ],
)
