"""The taste of a class: how far its students agree, with each other and with the crowd, and a model of all choices."""

import copy
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.classroom.choices import Choice, TextPair, decided
from course_lib.classroom.own_model import PENALTY, Estimate, eos_states, fit_head, held_out_states
from course_lib.training.files.errors import CourseError
from course_lib.training.reward_model import RewardModel, crowd_model

STUDENTS, PAIRS = 2, 5  # at least, for anything to be said
RESAMPLES = 1_000

Votes = Float[Tensor, "students pairs"]  # 1 for the left text, -1 for the right one, 0 where nobody could tell


@dataclass(frozen=True)
class Taste:
    """The pairs that several students decided, and how often two of them, or one and the crowd's model, agree."""

    students: int
    choices: int
    among: Estimate
    with_crowd: Estimate
    divided: tuple[TextPair, int, int]  # the pair on which the class is most of two minds, with its votes
    against: tuple[TextPair, int, int] | None  # that on which it is most against the crowd's model, if on any


def pool(classmates: Sequence[Sequence[Choice]]) -> tuple[list[TextPair], Votes]:
    """The pairs that two students or more decided, and the votes on them of each student who decided some.

    Raises:
        CourseError: there are too few for a taste.
    """
    by_student = [decided(choices) for choices in classmates]
    count = Counter(choice.pair for choices in by_student for choice in choices)
    pairs = [pair for pair, voters in count.items() if voters >= STUDENTS]
    place = {pair: i for i, pair in enumerate(pairs)}
    votes = torch.zeros(len(by_student), len(pairs))
    for row, choices in zip(votes, by_student, strict=True):
        for choice in choices:
            if choice.pair in place:
                row[place[choice.pair]] = 1.0 if choice.answer == "left" else -1.0
    votes = votes[votes.any(dim=1)]
    if len(votes) < STUDENTS or len(pairs) < PAIRS:
        came = f"{len(votes)} came, with {len(pairs)} such pairs"
        raise CourseError(
            f"Expected {STUDENTS} students who decided {PAIRS} pairs in common for a taste of the class, but {came}."
        )
    return pairs, votes


def read_taste(classmates: Sequence[Sequence[Choice]]) -> Taste:
    """What a class likes, and how much in common. CourseError where too few choices are there."""
    pairs, votes = pool(classmates)
    crowd = crowd_sides(pairs)
    left, right = (votes > 0).sum(dim=0), (votes < 0).sum(dim=0)
    most_divided = int(torch.minimum(left, right).argmax())
    opposed = (votes * -crowd).sum(dim=0)

    def shown(place: int) -> tuple[TextPair, int, int]:
        return pairs[place], int(left[place]), int(right[place])

    return Taste(
        students=len(votes),
        choices=int(votes.abs().sum()),
        among=agreement_among(votes),
        with_crowd=agreement_with(crowd, votes),
        divided=shown(most_divided),
        against=shown(int(opposed.argmax())) if opposed.max() > 0 else None,
    )


def crowd_sides(pairs: Sequence[TextPair]) -> Float[Tensor, " pairs"]:
    """Which text the crowd's reward model prefers: 1 for the left one, -1 for the right one."""
    model = crowd_model()
    return (model.score([pair.left for pair in pairs]) - model.score([pair.right for pair in pairs])).sign()


def agreement_among(votes: Votes) -> Estimate:
    """How often two students of the class who both decide a pair decide alike."""
    both = votes.abs() @ votes.abs().T
    alike = (votes @ votes.T + both) / 2
    apart = 1 - torch.eye(len(votes))  # nobody is compared with themselves
    return of_other_students(alike * apart, both * apart)


def agreement_with(sides: Float[Tensor, " pairs"], votes: Votes) -> Estimate:
    """How often a student decides a pair as these sides have it."""
    hits = ((votes * sides) > 0).sum(dim=1).float()
    return of_other_students(torch.diag(hits), torch.diag(votes.abs().sum(dim=1)), quadratic=False)


def of_other_students(
    hits: Float[Tensor, "students students"], trials: Float[Tensor, "students students"], *, quadratic: bool = True
) -> Estimate:
    """The share hits / trials, and the interval of 95% over students drawn anew (bootstrap, Efron 1979).

    A student who is drawn k times counts k times, in each pair that they are half of.
    """
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randint(len(hits), (RESAMPLES, len(hits)), generator=generator)
    weights = torch.nn.functional.one_hot(drawn, len(hits)).sum(dim=1).float()
    counted = [
        torch.einsum("rs,st,rt->r", weights, each, weights if quadratic else torch.ones_like(weights))
        for each in (hits, trials)
    ]
    shares = (counted[0] / counted[1])[counted[1] > 0]
    low, high = shares.quantile(torch.tensor([0.025, 0.975])).tolist()
    return Estimate((hits.sum() / trials.sum()).item(), low, high)


def taste_model(classmates: Sequence[Sequence[Choice]]) -> RewardModel:
    """A reward model of the whole class: the crowd's GPT-2, which has read what people feel, with a head of its own.

    The head is fitted from zero to all choices, so that what the crowd likes is no part of it. CourseError as `pool`.
    """
    pairs, votes = pool(classmates)
    model = copy.deepcopy(crowd_model())
    spread = held_out_states(crowd_model()).std(dim=0)
    left, right = (eos_states(model, [getattr(pair, side) for pair in pairs]) for side in ("left", "right"))
    voted = votes.T.nonzero()  # pair and student
    differences = ((left - right) / spread)[voted[:, 0]] * votes.T[voted[:, 0], voted[:, 1], None]
    head = fit_head(differences, torch.zeros(len(spread)), penalty=PENALTY)
    with torch.no_grad():
        model.lm.score.weight.copy_(head / spread)
    model.gain, model.bias = 1.0, 0.0
    return model
