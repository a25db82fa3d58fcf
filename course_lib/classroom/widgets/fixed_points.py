"""The KL coefficient as a slider: the optimum on the toy language, and where each method ends beside it."""

import math
from collections.abc import Callable

import torch

from course_lib.classroom.canvas import Canvas
from course_lib.classroom.controls import choice
from course_lib.classroom.demo import Demo
from course_lib.classroom.plots.fixed_points import FixedPointsPicture
from course_lib.classroom.words import number
from course_lib.equations.best_of_n import best_of_n_distribution
from course_lib.equations.optimum import optimal_policy as our_optimal_policy
from course_lib.training.experiments.fixed_points import FixedPoints, kl_and_reward
from course_lib.training.experiments.toy_language import text_probabilities, total_variation
from course_lib.training.files.errors import CourseError
from course_lib.training.own_equations import own

BEST_OF = (2, 4, 8, 16, 32, 64)


class FixedPointDemo(Demo):
    """Reward against KL of every method's end, and its texts against the optimum's; the coefficient is a slider."""

    def __init__(self, points: FixedPoints, optimal_policy: Callable = our_optimal_policy, *, row: int | None = None):
        self.points, self.optimal_policy = points, own("optimal_policy", optimal_policy)
        self.reference, self.rewards = text_probabilities(points.task.reference), points.task.rewards
        coefs = torch.logspace(2, math.log10(min(points.kl_coefs)), 80).tolist()
        frontier = [our_optimal_policy(self.reference, self.rewards, kl_coef=kl_coef) for kl_coef in coefs]
        best_of = {n: best_of_n_distribution(self.reference, self.rewards, n=n) for n in BEST_OF}
        self.pictured = FixedPointsPicture(
            [kl_and_reward(texts, points.task) for texts in frontier],
            {n: kl_and_reward(texts, points.task) for n, texts in best_of.items()},
        )
        options = {f"{kl_coef:.2g}": place for place, kl_coef in enumerate(points.kl_coefs)}
        middle = len(options) // 2 if row is None else row
        slider = choice("KL coefficient", options, middle)
        super().__init__(Canvas(self.pictured.figure, self.pictured.moving), {"row": slider})

    def show(self, *, row: int) -> str:
        """Move all marks to this coefficient and say how far each method ends from the optimum."""
        points, kl_coef = self.points, self.points.kl_coefs[row]
        try:
            optimum = self.optimal_policy(self.reference, self.rewards, kl_coef=kl_coef)
        except CourseError as error:
            return str(error)
        methods = {name: ends[row] for name, ends in points.methods.items()}
        places = {name: kl_and_reward(texts, points.task) for name, texts in {"optimum": optimum, **methods}.items()}
        arrays = {name: texts.numpy() for name, texts in methods.items()}
        self.pictured.move(optimum.numpy(), self.reference.numpy(), arrays, places)
        away = [f"{name} {total_variation(texts, optimum):.2f}" for name, texts in methods.items()]
        return (
            f"At a KL coefficient of {kl_coef:.2g}, π* has {say_place(places['optimum'])}, GRPO ends at "
            f"{say_place(places['GRPO'])}. Total variation from π*: {', '.join(away)}."
        )


def fixed_point_demo(
    points: FixedPoints, optimal_policy: Callable = our_optimal_policy, *, row: int | None = None
) -> FixedPointDemo:
    """Show `find_fixed_points(...)`; `optimal_policy(ref_probabilities, rewards, kl_coef=...)` may be your own.

    First at the coefficient in this place of `points`, by default in the middle.
    """
    return FixedPointDemo(points, optimal_policy, row=row)


def say_place(place: tuple[float, float]) -> str:
    """Say reward and KL."""
    return f"a mean reward of {number(place[1])} at a KL of {place[0]:.2f} nats"
