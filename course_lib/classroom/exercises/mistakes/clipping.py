"""Wrong versions of the exercises on the importance ratio and PPO's clip."""

import torch

from course_lib.classroom.exercises.exercise import Exercise, Mistake, probe
from course_lib.equations import ppo

# No ratio lies on the edge of a band, where the gradient is open: right answers differ there.
RATIOS = (0.01, 0.1, 0.5, 0.7, 0.9, 1.0, 1.1, 1.3, 1.5, 2.0, 10.0, 1000.0)
CLIPS = (0.05, 0.15, 0.25)


def _log_ratio_within(bound):
    return lambda logprobs, old_logprobs: torch.exp((logprobs - old_logprobs).clamp(-bound, bound))


def _ratio_within(lowest, highest):
    return lambda logprobs, old_logprobs: torch.exp(logprobs - old_logprobs).clamp(lowest, highest)


PROBABILITY_RATIO = Exercise(
    reference=ppo.probability_ratio,
    success="a token that became twice as likely has the ratio 2, and the gradient reaches the policy.",
    gradient_of=("logprobs",),
    probes=[
        probe(logprobs=[-1], old_logprobs=[-1.5]),
        probe(logprobs=[[-0.5, -2], [-1, -3]], old_logprobs=[[-1, -1], [-1, -2.5]]),
    ],
    draw=lambda d: {"logprobs": d.logprobs(), "old_logprobs": d.logprobs()},
    mistakes=[
        Mistake(
            "the exponential is missing: this is the log of the ratio",
            "Equal policies have the ratio 1, not 0: take torch.exp of the difference.",
            lambda logprobs, old_logprobs: logprobs - old_logprobs,
        ),
        Mistake(
            "the ratio is upside down",
            "The policy stands above, the old one below: exp(logprobs - old_logprobs).",
            lambda logprobs, old_logprobs: torch.exp(old_logprobs - logprobs),
        ),
        Mistake(
            "logprobs are divided",
            "Dividing probabilities means subtracting their logarithms.",
            lambda logprobs, old_logprobs: logprobs / old_logprobs,
        ),
        Mistake(
            "probabilities are subtracted, not divided",
            "A ratio divides them: exp(logprobs) / exp(old_logprobs).",
            lambda logprobs, old_logprobs: logprobs.exp() - old_logprobs.exp(),
        ),
        Mistake(
            "1 is subtracted from the ratio",
            "Equal policies have the ratio 1, not 0.",
            lambda logprobs, old_logprobs: torch.expm1(logprobs - old_logprobs),
        ),
        Mistake(
            "the exponential has base 2",
            "Log-probabilities are in nats: use torch.exp.",
            lambda logprobs, old_logprobs: torch.exp2(logprobs - old_logprobs),
        ),
        Mistake(
            "logprobs are added",
            "That multiplies the two probabilities: subtract the old one.",
            lambda logprobs, old_logprobs: torch.exp(logprobs + old_logprobs),
        ),
        Mistake(
            "one ratio for the whole text is returned",
            "PPO clips token by token: do not add up the logprobs.",
            lambda logprobs, old_logprobs: torch.exp((logprobs - old_logprobs).sum(-1)),
        ),
        Mistake(
            "the ratio is kept within bounds",
            "Give it as it is, however large: limiting it is the task of the clip, which comes after.",
            _log_ratio_within(20),
            also=(_log_ratio_within(10), _ratio_within(0, 10), _ratio_within(0, 100), _ratio_within(0.1, 10)),
        ),
    ],
)


def _clip(ratio, clip_eps):
    return ratio.clamp(1 - clip_eps, 1 + clip_eps)


CLIPPED_OBJECTIVE = Exercise(
    reference=ppo.clipped_objective,
    success="going further than the clip earns nothing, and undoing a bad change always counts in full.",
    gradient_of=("ratio",),
    probes=[
        probe(ratio=[1.5], advantages=[1], clip_eps=0.2),
        probe(ratio=[0.5], advantages=[-1], clip_eps=0.2),
        probe(ratio=[1.5], advantages=[-1], clip_eps=0.2),
        probe(ratio=[0.5], advantages=[1], clip_eps=0.2),
        probe(ratio=[1.5, 0.5, 1.05, 0.95], advantages=[2, -3, 0.5, -0.5], clip_eps=0.1),
    ],
    draw=lambda d: {"ratio": d.each_of(RATIOS), "advantages": d.tokens(), "clip_eps": d.one_of(*CLIPS)},
    mistakes=[
        Mistake(
            "the maximum is taken, not the minimum",
            "The objective must be the more cautious of the two, so that a large change never looks good.",
            lambda ratio, advantages, *, clip_eps: torch.maximum(
                ratio * advantages, _clip(ratio, clip_eps) * advantages
            ),
        ),
        Mistake(
            "the clip stands alone, without the minimum",
            "When the ratio went the wrong way the clip hides it: take the minimum with ratio * advantages.",
            lambda ratio, advantages, *, clip_eps: _clip(ratio, clip_eps) * advantages,
        ),
        Mistake(
            "the minimum is taken of the ratios",
            "A negative advantage turns the order round: multiply by the advantages first, then take the minimum.",
            lambda ratio, advantages, *, clip_eps: torch.minimum(ratio, _clip(ratio, clip_eps)) * advantages,
        ),
        Mistake(
            "nothing is clipped",
            "ratio * advantages alone rewards any change, however large.",
            lambda ratio, advantages, *, clip_eps: ratio * advantages,
        ),
        Mistake(
            "the product is clipped, not the ratio",
            "Clip the ratio, then multiply it by the advantages.",
            lambda ratio, advantages, *, clip_eps: torch.minimum(
                ratio * advantages, _clip(ratio * advantages, clip_eps)
            ),
        ),
        Mistake(
            "the advantage is clipped, not the ratio",
            "The clip limits how far the policy moves, not how good a token was.",
            lambda ratio, advantages, *, clip_eps: torch.minimum(
                ratio * advantages, ratio * _clip(advantages, clip_eps)
            ),
        ),
        Mistake(
            "the ratio is clipped around 0",
            "No change is the ratio 1: clip between 1 - clip_eps and 1 + clip_eps.",
            lambda ratio, advantages, *, clip_eps: torch.minimum(
                ratio * advantages, ratio.clamp(-clip_eps, clip_eps) * advantages
            ),
        ),
        Mistake(
            "the lower bound of the clip is missing",
            "Clip where the advantage is negative too: a bad token must not become ever less likely, 1 - clip_eps.",
            lambda ratio, advantages, *, clip_eps: torch.minimum(
                ratio * advantages, ratio.clamp(max=1 + clip_eps) * advantages
            ),
        ),
        Mistake(
            "the upper bound of the clip is missing",
            "A good token must not become ever more likely: clip at 1 + clip_eps too.",
            lambda ratio, advantages, *, clip_eps: torch.minimum(
                ratio * advantages, ratio.clamp(min=1 - clip_eps) * advantages
            ),
        ),
        Mistake(
            "the objective has a minus sign",
            "It is to be maximised; the minus comes with the loss.",
            lambda ratio, advantages, *, clip_eps: -ppo.clipped_objective(ratio, advantages, clip_eps=clip_eps),
        ),
        Mistake(
            "clip_eps is not used: 0.2 is written into the function",
            "Use the argument, so that the clip can be changed.",
            lambda ratio, advantages, *, clip_eps: ppo.clipped_objective(ratio, advantages, clip_eps=0.2),
        ),
        Mistake(
            "the exponential of the ratio is taken",
            "The ratio is given; its exponential was taken before.",
            lambda ratio, advantages, *, clip_eps: ppo.clipped_objective(ratio.exp(), advantages, clip_eps=clip_eps),
        ),
        Mistake(
            "the mean of the objective is taken",
            "One number per token is asked; the mean over real tokens comes with the loss.",
            lambda ratio, advantages, *, clip_eps: ppo.clipped_objective(ratio, advantages, clip_eps=clip_eps).mean(),
        ),
    ],
)
