"""Bradley-Terry by hand: move the rewards of two texts and see probability and loss."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.classroom.canvas import Canvas
from course_lib.classroom.controls import slider
from course_lib.classroom.demo import Demo
from course_lib.classroom.plots.bradley_terry import GAPS, BradleyTerryPicture
from course_lib.classroom.words import number
from course_lib.equations.preferences import preference_probability
from course_lib.training.files.errors import CourseError
from course_lib.training.own_equations import own

GRID = torch.tensor(GAPS, dtype=torch.float32)
LEAST = 1e-6  # a probability of 0 would have an infinite loss


class BradleyTerryDemo(Demo):
    """The rewards of two texts, and a shift of both, as sliders; `gaps` are those of a student's own pairs."""

    def __init__(
        self,
        preference_probability: Callable = preference_probability,
        gaps: Sequence[float] = (),
        *,
        chosen: float = 1.0,
        rejected: float = -0.5,
        shift: float = 0.0,
    ):
        self.probability = own("preference_probability", preference_probability)
        self.gaps = torch.tensor(list(gaps), dtype=torch.float32)
        self.drawing = BradleyTerryPicture()
        controls = {
            "chosen": slider("chosen reward", chosen, least=-3.0, most=3.0),
            "rejected": slider("rejected reward", rejected, least=-3.0, most=3.0),
            "shift": slider("add to both", shift, least=-4.0, most=4.0),
        }
        super().__init__(Canvas(self.drawing.figure, self.drawing.moving), controls)

    def show(self, *, chosen: float, rejected: float, shift: float) -> str:
        """Move both texts, and say what the model expects and what the choice costs."""
        drawing, gap = self.drawing, chosen - rejected
        drawing.rewards.move(chosen + shift, rejected + shift)
        panels = (drawing.probability, drawing.loss)
        for panel in panels:
            panel.hide()
        try:
            curve, marks = self.call(GRID), self.call(self.gaps)
            point = self.call(torch.tensor([gap]), torch.tensor([rejected + shift]))
        except CourseError as error:
            return str(error)
        for panel, height in zip(panels, (torch.Tensor.clone, loss_of), strict=True):
            own = self.gaps.numpy(), height(marks).numpy()
            panel.move(height(curve).numpy(), own, (gap, height(point).item()))
        return say(chosen + shift, rejected + shift, point.item()) + say_own(self.gaps, marks)

    def call(self, gaps: Float[Tensor, " pairs"], rejected: Float[Tensor, " pairs"] | None = None) -> Tensor:
        """The probabilities of these gaps, with rejected rewards of 0 unless given."""
        rejected = torch.zeros_like(gaps) if rejected is None else rejected
        return self.probability(rejected + gaps, rejected)


def bradley_terry_demo(
    preference_probability: Callable = preference_probability,
    gaps: Sequence[float] = (),
    *,
    chosen: float = 1.0,
    rejected: float = -0.5,
    shift: float = 0.0,
) -> BradleyTerryDemo:
    """Show Bradley-Terry, first at these rewards; `preference_probability` may be your own.

    `gaps`: reward of the chosen text minus that of the other, one number for each of your pairs; marks on the curves.
    """
    return BradleyTerryDemo(preference_probability, gaps, chosen=chosen, rejected=rejected, shift=shift)


def loss_of(probabilities: Float[Tensor, " pairs"]) -> Float[Tensor, " pairs"]:
    """What a choice costs: -log probability."""
    return -torch.log(probabilities.clamp(LEAST, 1.0))


def say(chosen: float, rejected: float, probability: float) -> str:
    """Say what the model expects of one pair, and the loss."""
    loss = -np.log(min(max(probability, LEAST), 1.0))
    first, second, gap = (number(reward, "{:+z.1f}") for reward in (chosen, rejected, chosen - rejected))
    return (
        f"Rewards {first} and {second}, a gap of {gap}: the model gives the choice that was made "
        f"probability {probability:.2f}, and the loss is {loss:.2f}."
    )


def say_own(gaps: Float[Tensor, " pairs"], probabilities: Float[Tensor, " pairs"]) -> str:
    """Say how the model fares on the student's own pairs."""
    if len(gaps) == 0:
        return ""
    agreed, loss = int((gaps > 0).sum()), loss_of(probabilities).mean().item()
    return f" On {agreed} of your {len(gaps)} pairs (diamonds) it agrees with you; their mean loss is {loss:.1f}."
