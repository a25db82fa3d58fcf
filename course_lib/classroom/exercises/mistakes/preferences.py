"""Wrong versions of the exercises about pairs of texts."""

import torch
from torch.nn import functional as F

from course_lib.classroom.exercises.exercise import Exercise, Mistake, probe
from course_lib.equations import preferences

PREFERENCE_PROBABILITY = Exercise(
    reference=preferences.preference_probability,
    success="only the gap between the two rewards counts, and equal rewards give one half.",
    probes=[
        probe(chosen_rewards=[2], rejected_rewards=[0]),
        probe(chosen_rewards=[1, 2, -1], rejected_rewards=[0.5, 2, 0.5]),
    ],
    draw=lambda d: {name: d.numbers(d.length, low=-30, high=30) for name in ("chosen_rewards", "rejected_rewards")},
    mistakes=[
        Mistake(
            "chosen and rejected are exchanged in the gap",
            "The better the chosen text scores, the higher the probability: subtract the rejected reward.",
            lambda chosen, rejected: torch.sigmoid(rejected - chosen),
        ),
        Mistake(
            "the sigmoid is missing",
            "This is the reward gap, any number; the sigmoid makes a probability of it.",
            lambda chosen, rejected: chosen - rejected,
        ),
        Mistake(
            "the odds are returned, not the probability",
            "exp(gap) says how many times likelier a win is than a loss: p = odds / (1 + odds).",
            lambda chosen, rejected: torch.exp(chosen - rejected),
        ),
        Mistake(
            "the logarithm is one step too many",
            "log p belongs to the loss; here the probability itself is asked.",
            lambda chosen, rejected: F.logsigmoid(chosen - rejected),
        ),
        Mistake(
            "the softmax runs over the pairs",
            "Pairs do not compete with each other, only the two texts in a pair do: that is the sigmoid of their gap.",
            lambda chosen, rejected: torch.softmax(chosen - rejected, dim=0),
        ),
        Mistake(
            "the exponential is missing: the rewards themselves are divided",
            "Rewards can be negative; Bradley-Terry divides exp(chosen) by exp(chosen) + exp(rejected).",
            lambda chosen, rejected: chosen / (chosen + rejected),
        ),
        Mistake(
            "the rejected reward is not used",
            "A reward means nothing alone: take the gap to the rejected one.",
            lambda chosen, rejected: torch.sigmoid(chosen),
        ),
        Mistake(
            "the probabilities are averaged",
            "One probability per pair is asked, not their mean.",
            lambda chosen, rejected: torch.sigmoid(chosen - rejected).mean(),
        ),
        Mistake(
            "the probability is kept away from 0 and 1",
            "Give it as it is: the sigmoid never leaves 0 to 1.",
            lambda chosen, rejected: torch.sigmoid(chosen - rejected).clamp(0.01, 0.99),
            also=(
                lambda chosen, rejected: torch.sigmoid(chosen - rejected).clamp(0.001, 0.999),
                lambda chosen, rejected: torch.sigmoid((chosen - rejected).clamp(-5, 5)),
            ),
        ),
    ],
)


def _log_of_no_less(eps):
    return lambda chosen, rejected: -torch.log(torch.sigmoid(chosen - rejected) + eps).mean()


BRADLEY_TERRY_LOSS = Exercise(
    reference=preferences.bradley_terry_loss,
    success="the loss is log 2 for a tie, near 0 for a clear win, finite for any gap, and its gradient comes through.",
    gradient_of=("chosen_rewards", "rejected_rewards"),
    probes=[
        probe(chosen_rewards=[2], rejected_rewards=[0]),
        probe(chosen_rewards=[1, 2, -1], rejected_rewards=[0.5, 2, 0.5]),
        probe(chosen_rewards=[-150], rejected_rewards=[50]),
    ],
    draw=lambda d: {name: d.numbers(d.length) for name in ("chosen_rewards", "rejected_rewards")},
    mistakes=[
        Mistake(
            "the minus sign is missing",
            "The log of a probability is negative; with the minus, a better model has a smaller loss.",
            lambda chosen, rejected: F.logsigmoid(chosen - rejected).mean(),
        ),
        Mistake(
            "chosen and rejected are exchanged in the loss",
            "This loss falls when the rejected text wins: subtract the rejected reward from the chosen one.",
            lambda chosen, rejected: -F.logsigmoid(rejected - chosen).mean(),
        ),
        Mistake(
            "the losses are added up, not averaged",
            "With a sum, more pairs mean larger steps: take the mean.",
            lambda chosen, rejected: -F.logsigmoid(chosen - rejected).sum(),
        ),
        Mistake(
            "the mean over the pairs is missing",
            "One loss per pair came; one number for all of them is asked.",
            lambda chosen, rejected: -F.logsigmoid(chosen - rejected),
        ),
        Mistake(
            "the logarithm is missing",
            "The loss is minus the log of the probability: it must grow without end as the model errs more.",
            lambda chosen, rejected: -torch.sigmoid(chosen - rejected).mean(),
        ),
        Mistake(
            "one minus the probability stands in place of minus its logarithm",
            "That loss is never above 1, so a gross mistake costs little more than a small one: take -log p.",
            lambda chosen, rejected: (1 - torch.sigmoid(chosen - rejected)).mean(),
        ),
        Mistake(
            "the logarithm has base 2",
            "Losses are in nats: use the natural logarithm, so that a tie costs 0.693 and not 1.",
            lambda chosen, rejected: -F.logsigmoid(chosen - rejected).mean() / torch.log(torch.tensor(2.0)),
        ),
        Mistake(
            "the sigmoid is missing: the loss is minus the gap",
            "Without it the loss has no floor, and training only pushes the rewards apart.",
            lambda chosen, rejected: -(chosen - rejected).mean(),
        ),
        Mistake(
            "the mean is taken before the logarithm",
            "The log of a mean is not the mean of the logs: take -log p of each pair, then average.",
            lambda chosen, rejected: -torch.log(torch.sigmoid(chosen - rejected).mean()),
        ),
        Mistake(
            "the rewards are averaged before they are compared",
            "Each chosen text meets its own rejected text: one gap per pair, the mean at the end.",
            lambda chosen, rejected: -F.logsigmoid(chosen.mean() - rejected.mean()),
        ),
        Mistake(
            "the sigmoid is applied twice",
            "logsigmoid holds a sigmoid already: give it the gap itself.",
            lambda chosen, rejected: -F.logsigmoid(torch.sigmoid(chosen - rejected)).mean(),
        ),
        Mistake(
            "each text is judged alone, as by a classifier",
            "Only the gap of a pair counts: logsigmoid(chosen) + logsigmoid(-rejected) asks for good and bad as such.",
            lambda chosen, rejected: -(F.logsigmoid(chosen) + F.logsigmoid(-rejected)).mean(),
        ),
        Mistake(
            "log(sigmoid(gap)) breaks for a large gap",
            "The sigmoid of -200 is 0 on a computer, and log 0 is -inf: F.logsigmoid(gap) does both steps safely.",
            lambda chosen, rejected: -torch.log(torch.sigmoid(chosen - rejected)).mean(),
        ),
        Mistake(
            "a small number keeps p away from 0 in the logarithm",
            "log(p + 1e-8) never goes below -18.4, and gross mistakes stop teaching: F.logsigmoid(gap) needs no help.",
            _log_of_no_less(1e-8),
            also=tuple(_log_of_no_less(eps) for eps in (1e-6, 1e-7, 1e-9, 1e-10, 1e-12)),
        ),
    ],
)

PAIR_ACCURACY = Exercise(
    reference=preferences.pair_accuracy,
    success="wins count one, ties one half, and the share does not depend on how many pairs there are.",
    probes=[
        probe(chosen_rewards=[2], rejected_rewards=[0]),
        probe(chosen_rewards=[1], rejected_rewards=[1]),
        probe(chosen_rewards=[3, 0, 1, 2], rejected_rewards=[1, 9, 1, 1.5]),
    ],
    draw=lambda d: {name: d.numbers(d.length) for name in ("chosen_rewards", "rejected_rewards")},
    mistakes=[
        Mistake(
            "a tie is counted as a win",
            "A model that gives every text the same reward would be always right: count one half.",
            lambda chosen, rejected: (chosen >= rejected).float().mean(),
        ),
        Mistake(
            "a tie is counted as a loss",
            "A model that gives every text the same reward would be worse than a coin: count one half.",
            lambda chosen, rejected: (chosen > rejected).float().mean(),
        ),
        Mistake(
            "the rejected text is counted as the winner",
            "A pair is right when the chosen text has the higher reward.",
            lambda chosen, rejected: torch.heaviside(rejected - chosen, torch.tensor(0.5)).mean(),
        ),
        Mistake(
            "the right pairs are counted, not their share",
            "Divide by the number of pairs: take the mean.",
            lambda chosen, rejected: torch.heaviside(chosen - rejected, torch.tensor(0.5)).sum(),
        ),
        Mistake(
            "the signs are not brought to 0, one half and 1",
            "A sign goes from -1 to 1, a share from 0 to 1: take (sign + 1) / 2.",
            lambda chosen, rejected: (torch.sign(chosen - rejected) + 1).mean(),
            also=(lambda chosen, rejected: torch.sign(chosen - rejected).mean(),),
        ),
        Mistake(
            "the share is in per cent",
            "A share goes from 0 to 1: do not multiply by 100.",
            lambda chosen, rejected: 100 * torch.heaviside(chosen - rejected, torch.tensor(0.5)).mean(),
        ),
        Mistake(
            "one number per pair is returned",
            "Take the mean over the pairs.",
            lambda chosen, rejected: torch.heaviside(chosen - rejected, torch.tensor(0.5)),
        ),
        Mistake(
            "the predicted probabilities are averaged",
            "Accuracy asks only which reward is higher, not how sure the model is: compare, do not take the sigmoid.",
            lambda chosen, rejected: torch.sigmoid(chosen - rejected).mean(),
        ),
        Mistake(
            "the mean rewards are compared",
            "Compare within each pair; the mean comes last.",
            lambda chosen, rejected: torch.heaviside(chosen.mean() - rejected.mean(), torch.tensor(0.5)),
        ),
    ],
)
