"""One score as a slider: what REINFORCE, RLOO and GRPO make of the same texts."""

from collections.abc import Callable

import ipywidgets as widgets
import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.classroom.canvas import Canvas
from course_lib.classroom.demo import Demo
from course_lib.classroom.plots.groups import GroupsPicture
from course_lib.classroom.words import number
from course_lib.equations.policy_gradient import grpo_advantages, reinforce_advantages, rloo_advantages
from course_lib.training.files.errors import CourseError
from course_lib.training.own_equations import own

OTHERS = (0.1, 0.0, -0.1)  # the scores of prompt A's other texts: nearly alike
PROMPT_B = (2.0, 0.5, -0.5, -2.0)


class GroupDemo(Demo):
    """Scores of four texts to each of two prompts, and their advantages; text A1 and the ease of B are sliders."""

    def __init__(self, reinforce_advantages: Callable, rloo_advantages: Callable, grpo_advantages: Callable):
        self.methods = {
            "REINFORCE": own("reinforce_advantages", reinforce_advantages),
            "RLOO": own("rloo_advantages", rloo_advantages),
            "GRPO": own("grpo_advantages", grpo_advantages),
        }
        self.pictured = GroupsPicture(texts=2 * len(PROMPT_B))
        controls = {
            "first": slider("score of A1", 1.0, -3.0, 3.0),
            "easier": slider("B is easier by", 0.0, 0.0, 2.0),
        }
        super().__init__(Canvas(self.pictured.figure, self.pictured.moving), controls)

    def show(self, *, first: float, easier: float) -> str:
        """Draw scores and advantages, and say what the first text and the others to its prompt are given."""
        scores = torch.tensor([[first, *OTHERS], [score + easier for score in PROMPT_B]])
        self.pictured.move("scores", scores.flatten().numpy())
        said = {}
        for name in self.methods:
            try:
                advantages = self.call(name, scores)
            except CourseError as error:
                return str(error)
            self.pictured.move(name, advantages.flatten().numpy())
            others = ", ".join(number(value, "{:+z.1f}") for value in advantages[0, 1:].tolist())
            said[name] = f"{name} gives A1 {number(advantages[0, 0].item(), '{:+z.1f}')} and A2 to A4 {others}"
        return f"A1 scores {number(first, '{:+z.1f}')}, B is easier by {easier:.1f}. {'; '.join(said.values())}."

    def call(self, name: str, scores: Float[Tensor, "prompts responses"]) -> Float[Tensor, "prompts responses"]:
        """The advantages of one method."""
        compared = scores.flatten() if name == "REINFORCE" else scores  # which knows no prompts
        return self.methods[name](compared).view_as(scores)


def group_demo(
    reinforce_advantages: Callable = reinforce_advantages,
    rloo_advantages: Callable = rloo_advantages,
    grpo_advantages: Callable = grpo_advantages,
) -> GroupDemo:
    """Show the advantages of two small groups; each function may be your own."""
    return GroupDemo(reinforce_advantages, rloo_advantages, grpo_advantages)


def slider(name: str, value: float, least: float, most: float) -> widgets.FloatSlider:
    """A slider over scores, in steps of 0.1."""
    options = {"value": value, "min": least, "max": most, "step": 0.1, "readout_format": ".1f"}
    layout, style = widgets.Layout(width="32em", max_width="98%"), {"description_width": "9em"}
    return widgets.FloatSlider(**options, description=name, layout=layout, style=style)
