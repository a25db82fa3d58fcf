"""One score as a slider: what REINFORCE, RLOO and GRPO make of the same texts."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.classroom.canvas import Canvas
from course_lib.classroom.controls import slider
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

    def __init__(
        self,
        reinforce_advantages: Callable,
        rloo_advantages: Callable,
        grpo_advantages: Callable,
        *,
        first: float = 1.0,
        easier: float = 0.0,
    ):
        self.methods = {
            "REINFORCE": own("reinforce_advantages", reinforce_advantages),
            "RLOO": own("rloo_advantages", rloo_advantages),
            "GRPO": own("grpo_advantages", grpo_advantages),
        }
        self.pictured = GroupsPicture(texts=2 * len(PROMPT_B))
        controls = {
            "first": slider("score of A1", first, least=-3.0, most=3.0),
            "easier": slider("B is easier by", easier, least=0.0, most=2.0),
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
    *,
    first: float = 1.0,
    easier: float = 0.0,
) -> GroupDemo:
    """Show the advantages of two small groups, first with this score of text A1; each function may be your own."""
    return GroupDemo(reinforce_advantages, rloo_advantages, grpo_advantages, first=first, easier=easier)
