"""The clip region: the objective of one token against its ratio, as in Figure 1 of the PPO paper, and a real batch."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.classroom.canvas import Canvas
from course_lib.classroom.controls import slider
from course_lib.classroom.demo import Demo
from course_lib.classroom.plots.clip import RATIOS, ClipPanel, clip_figure
from course_lib.classroom.style import NEGATIVE, POSITIVE, REFERENCE
from course_lib.classroom.words import number
from course_lib.equations.ppo import clipped_objective
from course_lib.training.files.errors import CourseError
from course_lib.training.own_equations import own

GRID = torch.tensor(RATIOS, dtype=torch.float32)


class ClipDemo(Demo):
    """Objective and gradient of one token; its ratio, its advantage and clip_eps are sliders.

    `ratio` and `advantages` are those of a batch's real tokens: then every one of them is drawn too.
    """

    def __init__(
        self,
        clipped_objective: Callable = clipped_objective,
        ratio: Tensor | None = None,
        advantages: Tensor | None = None,
        *,
        advantage: float = 1.0,
        at: float = 1.4,
        clip_eps: float = 0.2,
    ):
        self.objective = own("clipped_objective", clipped_objective)
        self.cloud = require_cloud(ratio, advantages)
        figure, self.left, self.right = clip_figure()
        controls = {
            "advantage": slider("advantage", advantage, least=-2.0, most=2.0),
            "at": slider("ratio", at, least=0.0, most=2.0, step=0.01),
            "clip_eps": slider("clip_eps", clip_eps, least=0.0, most=0.5, step=0.01),
        }
        super().__init__(Canvas(figure, self.left.moving + self.right.moving), controls)

    def show(self, *, advantage: float, at: float, clip_eps: float) -> str:
        """Draw both panels and say whether the clip binds."""
        panels = (self.left, self.right)
        for panel in panels:
            panel.move_band(clip_eps)
            panel.hide()
        colour = POSITIVE if advantage > 0 else NEGATIVE if advantage < 0 else REFERENCE
        try:
            curves = value_and_gradient(self.objective, GRID, torch.full_like(GRID, advantage), clip_eps)
            point = value_and_gradient(self.objective, torch.tensor([at]), torch.tensor([advantage]), clip_eps)
            said = "" if self.cloud is None else self.show_cloud(clip_eps)
        except CourseError as error:
            return str(error)
        unclipped = (advantage * RATIOS, 0 * RATIOS + advantage)
        for panel, curve, line, value in zip(panels, curves, unclipped, point, strict=True):
            panel.move_curve(curve.numpy(), line, at=at, value=value.item(), colour=colour)
        return say_token(advantage, at, clip_eps, gradient=point[1].item()) + said

    def show_cloud(self, clip_eps: float) -> str:
        """Draw every token of the batch and count those without a gradient."""
        ratio, advantages = self.cloud
        values, gradients = value_and_gradient(self.objective, ratio, advantages, clip_eps)
        clipped = (gradients == 0) & (advantages != 0)
        for panel, heights in ((self.left, values), (self.right, gradients)):
            move_cloud(panel, ratio, heights, advantages, clipped)
        share, outside = clipped.float().mean().item(), int((ratio > RATIOS[-1]).sum())
        said = f" Of the {len(ratio):,} tokens of the batch {share:.0%} have no gradient (crosses)"
        return said + (f"; {outside} lie beyond ratio 2, the last at {ratio.max():.0f}." if outside else ".")


def clip_demo(
    clipped_objective: Callable = clipped_objective,
    ratio: Tensor | None = None,
    advantages: Tensor | None = None,
    *,
    advantage: float = 1.0,
    at: float = 1.4,
    clip_eps: float = 0.2,
) -> ClipDemo:
    """Show the clip region, first for a token with this advantage at this ratio; `clipped_objective` may be your own.

    `ratio` and `advantages`: one number for each real token of a batch, drawn as a cloud. CourseError where one is
    given without the other, or they are not of one length.
    """
    return ClipDemo(clipped_objective, ratio, advantages, advantage=advantage, at=at, clip_eps=clip_eps)


def require_cloud(ratio: Tensor | None, advantages: Tensor | None) -> tuple[Tensor, Tensor] | None:
    """The batch without gradients, or None where none is given."""
    if ratio is None and advantages is None:
        return None
    shapes = [None if tensor is None else tuple(tensor.shape) for tensor in (ratio, advantages)]
    if None in shapes or shapes[0] != shapes[1] or len(shapes[0]) != 1:
        raise CourseError(
            f"Expected ratio and advantages with one number for each token, but shapes {shapes[0]} and {shapes[1]} "
            "came; select real tokens with [response_mask]."
        )
    return ratio.detach().float(), advantages.detach().float()


def value_and_gradient(
    objective: Callable, ratio: Float[Tensor, " tokens"], advantages: Float[Tensor, " tokens"], clip_eps: float
) -> tuple[Float[Tensor, " tokens"], Float[Tensor, " tokens"]]:
    """The objective of each token, and its derivative with respect to the token's ratio.

    Raises:
        CourseError: the objective fails, gives another shape, or has no gradient.
    """
    ratio = ratio.clone().requires_grad_()
    values = objective(ratio, advantages, clip_eps=clip_eps)
    (gradients,) = torch.autograd.grad(values.sum(), ratio)
    return values.detach(), gradients


def move_cloud(panel: ClipPanel, ratio: Tensor, heights: Tensor, advantages: Tensor, clipped: Tensor) -> None:
    """Hand a batch to a panel as arrays."""
    arrays = ratio.numpy(), heights.numpy()
    panel.move_cloud(*arrays, positive=(advantages > 0).numpy(), clipped=clipped.numpy())


def say_token(advantage: float, ratio: float, clip_eps: float, *, gradient: float) -> str:
    """Say in words what the objective does to one token, and why."""
    where = f"Advantage {number(advantage, '{:+.1f}')}, ratio {ratio:.2f}: "
    if advantage == 0:
        return where + "the token was as good as expected, so there is nothing to learn from it."
    wanted, becoming = ("more", 1 + clip_eps) if advantage > 0 else ("less", 1 - clip_eps)
    past = (ratio - becoming) * advantage > 0
    if gradient == 0:
        why = f"it is already {wanted} likely, past {becoming:.2f}" if past else "your objective is flat here"
        return where + f"the clip binds. {why[0].upper() + why[1:]}: the gradient is 0, the step gains nothing by it."
    push = f"the gradient {number(gradient, '{:+.1f}')} makes it {'more' if gradient > 0 else 'less'} likely."
    if abs(ratio - 1) <= clip_eps:
        return where + f"inside the band the clip does not act; {push}"
    if past:
        return where + f"it is past {becoming:.2f}, where the clipped objective is flat, but here {push}"
    return where + f"outside the band, but on the wrong side, so the clip lets it return; {push}"
