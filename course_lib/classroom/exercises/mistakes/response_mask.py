"""Wrong versions of the exercise on a padding that is eos, too: which tokens of a response are real."""

import torch
from torch import Tensor

from course_lib.classroom.exercises.exercise import Exercise, Mistake, probe
from course_lib.equations import masking


def _no_eos(response_ids: Tensor, *, eos_id: int) -> Tensor:
    return response_ids != eos_id


def _before(response_ids: Tensor, *, eos_id: int) -> Tensor:
    """How many eos stand before each token."""
    is_eos = (response_ids == eos_id).int()
    return is_eos.cumsum(dim=1) - is_eos


def _shifted(response_ids: Tensor, *, eos_id: int) -> Tensor:
    mask = response_ids != eos_id
    return torch.cat([mask[:, :1], mask[:, :-1]], dim=1)


def _first_eos(response_ids: Tensor, *, eos_id: int) -> Tensor:
    return (response_ids == eos_id) & (_before(response_ids, eos_id=eos_id) == 0)


def _lengths_by_argmax(response_ids: Tensor, *, eos_id: int) -> Tensor:
    first = (response_ids == eos_id).int().argmax(dim=1, keepdim=True)
    return torch.arange(response_ids.shape[1]) <= first


RESPONSE_MASK = Exercise(
    reference=masking.response_mask,
    success="the first eos is a token that the policy chose and learns from, every later one is padding.",
    probes=[
        probe(response_ids=[[7, 0]], eos_id=0),
        probe(response_ids=[[7, 0, 0]], eos_id=0),
        probe(response_ids=[[0, 0, 0]], eos_id=0),
        probe(response_ids=[[7, 5, 9]], eos_id=0),
        probe(response_ids=[[7, 2, 2, 2], [2, 2, 2, 2], [7, 5, 9, 2]], eos_id=2),
    ],
    draw=lambda d: {
        "response_ids": torch.where(torch.arange(d.length) < d.mask().sum(dim=1, keepdim=True), d.ids(5) + 1, 0),
        "eos_id": 0,
    },
    mistakes=[
        Mistake(
            "the eos that ends a text is masked with the padding",
            "Both have one id, so the id cannot tell them apart. Unmasked, the first eos is trained, and a text learns "
            "to end: count the eos before each token.",
            _no_eos,
            also=(
                lambda response_ids, *, eos_id: (response_ids == eos_id).cumsum(dim=1) == 0,
                lambda response_ids, *, eos_id: (response_ids == eos_id).long().cumsum(dim=1) < 1,
            ),
        ),
        Mistake(
            "nothing is masked",
            "What follows the first eos was never chosen: it fills the row.",
            lambda response_ids, *, eos_id: torch.ones_like(response_ids, dtype=torch.bool),
        ),
        Mistake(
            "the first eos of the padding is left in, too",
            "One eos is real, not two: none may stand before a real token.",
            lambda response_ids, *, eos_id: _before(response_ids, eos_id=eos_id) <= 1,
        ),
        Mistake(
            "the mask is moved by one, and its first place copied",
            "A response that is only eos has one real token, its first: begin the moved mask with True.",
            _shifted,
        ),
        Mistake(
            "a row without eos has one real token",
            "argmax of a row of zeros is 0: a text that was cut off is real to its end.",
            _lengths_by_argmax,
        ),
        Mistake(
            "True and False are exchanged in the mask",
            "True is for a real token.",
            lambda response_ids, *, eos_id: _before(response_ids, eos_id=eos_id) > 0,
            also=(lambda response_ids, *, eos_id: response_ids == eos_id,),
        ),
        Mistake(
            "only the first eos is real",
            "The words before it are real, too.",
            _first_eos,
        ),
        Mistake(
            "lengths are returned",
            "One True or False for each token is asked.",
            lambda response_ids, *, eos_id: (_before(response_ids, eos_id=eos_id) == 0).sum(dim=1),
        ),
    ],
)
