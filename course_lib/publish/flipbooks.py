"""Which widgets of the notebooks answer to their sliders on pages and slides, and how they look there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial

import torch
from markupsafe import Markup
from nbformat import NotebookNode

from course_lib.classroom.demo import Demo
from course_lib.classroom.live_run import recorded_runs
from course_lib.classroom.style import styled
from course_lib.classroom.widgets.advantages import advantage_demo, spread_demo
from course_lib.classroom.widgets.bradley_terry import bradley_terry_demo
from course_lib.classroom.widgets.clip import clip_demo
from course_lib.classroom.widgets.find_the_bug import BEHIND, SIGNS, FindTheBug, find_the_bug
from course_lib.classroom.widgets.fixed_points import fixed_point_demo
from course_lib.classroom.widgets.frontier import frontier_demo
from course_lib.classroom.widgets.groups import group_demo
from course_lib.classroom.widgets.label_noise import label_noise_demo
from course_lib.classroom.widgets.overoptimization import overoptimization_demo
from course_lib.classroom.widgets.playback import playback
from course_lib.classroom.widgets.ratings import ratings_demo
from course_lib.classroom.widgets.walk import walk_demo
from course_lib.publish.exporter import page_templates
from course_lib.publish.flipbook import draw
from course_lib.training.experiments.fixed_points import find_fixed_points
from course_lib.training.experiments.frontier import load_frontier
from course_lib.training.experiments.recordings import load_label_noise, load_recording
from course_lib.training.experiments.toy_language import ToyTask
from course_lib.training.ratings import load_ratings


@dataclass(frozen=True)
class Shown:
    """How the widget of a cell is made, the steps of sliders that would stop too often, and whether it can be played.

    Played is the last slider. The note says in what it differs from the notebook's, of which the text beside it speaks.
    """

    make: Callable[[], Demo]
    steps: Mapping[str, float] = field(default_factory=dict)
    plays: bool = False
    note: str = ""


def overoptimization(**options) -> Demo:
    """The recorded runs against proxies."""
    return overoptimization_demo(load_recording("overoptimization"), **options)


def one_seed() -> Demo:
    """PPO's runs of one seed, as the lab singles them out."""
    runs = load_recording("overoptimization")
    return overoptimization_demo([run for run in runs if run.seed == 2], method="ppo")


def fixed_points() -> Demo:
    """The ends of three methods on the toy language, at fifteen coefficients: some seconds."""
    task = ToyTask.draw(torch.Generator().manual_seed(0))
    return fixed_point_demo(find_fixed_points(task, kl_coefs=[round(10 ** (step / 10), 2) for step in range(-7, 8)]))


COCKPIT = (
    "Training is not live here: Play shows a recorded run with the KL coefficient that you choose, grey are those with "
    "the others. Start is in the notebook."
)
PAIRS = "Diamonds come with pairs of your own, which you choose in the notebook."
TENTHS = {"gamma": 0.1, "lam": 0.1}
# by the ids of their cells
WIDGETS = {
    "ratings-demo": Shown(lambda: ratings_demo(load_ratings(split="train"))),
    "bt-demo": Shown(bradley_terry_demo, {"chosen": 0.5, "rejected": 0.5, "shift": 1.0}, note=PAIRS),
    "noise-demo": Shown(lambda: label_noise_demo(load_label_noise())),
    "clip-demo": Shown(partial(clip_demo, advantage=-1.0), {"advantage": 0.5, "at": 0.05, "clip_eps": 0.1}),
    "advantage-demo": Shown(partial(advantage_demo, lam=0.0), TENTHS),
    "advantage-lambda-1": Shown(partial(advantage_demo, lam=1.0), TENTHS),
    "spread-demo": Shown(partial(spread_demo, believed="expects 0 everywhere", lam=1.0)),
    "cockpit": Shown(lambda: playback(recorded_runs()), plays=True, note=COCKPIT),
    "frontier-demo": Shown(lambda: frontier_demo(load_recording("kl_coef"), frontier=load_frontier())),
    "find-the-bug": Shown(lambda: find_the_bug(load_recording("bugs"))),
    "bon-demo": Shown(partial(overoptimization, method="best-of-n")),
    "ppo-demo": Shown(partial(overoptimization, method="ppo")),
    "seed-demo": Shown(one_seed),
    "walk": Shown(lambda: walk_demo(load_recording("overoptimization"))),
    "fixed-points": Shown(fixed_points),
    "group-demo": Shown(group_demo, {"easier": 0.2}),
}


def flipbooks(notebook: NotebookNode) -> dict[str, Markup]:
    """Return the flipbooks of a notebook in HTML, by the ids of their cells."""
    return {cell.id: flipbook(cell.id) for cell in notebook.cells if cell.id in WIDGETS}


@cache
def flipbook(cell_id: str) -> Markup:
    """Draw the widget of a cell, and return it in HTML."""
    shown = WIDGETS[cell_id]
    with styled():  # as notebooks are
        demo = shown.make()
    filled = {
        "book": draw(demo, name=cell_id, steps=shown.steps),
        "plays": shown.plays,
        "note": shown.note,
        "guesses": hints(demo) if isinstance(demo, FindTheBug) else {},
    }
    return Markup(page_templates().get_template("flipbook.html.j2").render(filled))


def hints(demo: FindTheBug) -> dict[str, list[tuple[str, str]]]:
    """For each recorded run the mistakes to choose from, with what speaks against each: nothing where it is right."""
    return {
        label: [(sign.words, "" if name == truth else demo.hint(label, name)) for name, sign in SIGNS.items()]
        for label, truth in BEHIND.items()
    }
