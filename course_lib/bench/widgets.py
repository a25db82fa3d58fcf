"""How fast the course answers on this machine: `python -m course_lib bench`."""

import platform
import time
from collections.abc import Callable, Iterator

import ipywidgets as widgets
import numpy as np
import torch

from course_lib.classroom.live_run import recorded_runs
from course_lib.classroom.widgets.advantages import advantage_demo, spread_demo
from course_lib.classroom.widgets.bradley_terry import bradley_terry_demo
from course_lib.classroom.widgets.clip import clip_demo
from course_lib.classroom.widgets.find_the_bug import find_the_bug
from course_lib.classroom.widgets.fixed_points import fixed_point_demo
from course_lib.classroom.widgets.frontier import frontier_demo
from course_lib.classroom.widgets.groups import group_demo
from course_lib.classroom.widgets.label_noise import label_noise_demo
from course_lib.classroom.widgets.overoptimization import overoptimization_demo
from course_lib.classroom.widgets.playback import playback
from course_lib.classroom.widgets.ratings import ratings_demo
from course_lib.classroom.widgets.walk import walk_demo
from course_lib.training.experiments.fixed_points import find_fixed_points
from course_lib.training.experiments.frontier import load_frontier
from course_lib.training.experiments.recordings import load_label_noise, load_recording
from course_lib.training.experiments.toy_language import ToyTask
from course_lib.training.ratings import load_ratings

Figures = dict[str, dict[str, int | float]]
LIMIT_MS = 33  # 30 pictures a second
STOPS = 15

# Every widget of the course whose picture, `png`, follows its controls, made as a notebook makes it.
WIDGETS: dict[str, Callable[[], widgets.Widget]] = {
    "ratings_demo": lambda: ratings_demo(load_ratings(split="train")),
    "bradley_terry_demo": lambda: bradley_terry_demo(gaps=(2.0, 0.5, -1.0)),
    "label_noise_demo": lambda: label_noise_demo(load_label_noise()),
    "clip_demo": clip_demo,
    "advantage_demo": advantage_demo,
    "spread_demo": spread_demo,
    "frontier_demo": lambda: frontier_demo(load_recording("kl_coef"), frontier=load_frontier()),
    "playback": lambda: playback(recorded_runs()),
    "find_the_bug": lambda: find_the_bug(load_recording("bugs")),
    "overoptimization_demo": lambda: overoptimization_demo(load_recording("overoptimization"), method="ppo"),
    "walk_demo": lambda: walk_demo(load_recording("overoptimization")),
    "fixed_point_demo": lambda: fixed_point_demo(
        find_fixed_points(ToyTask.draw(torch.Generator().manual_seed(0)), [0.5, 1.0, 2.0])
    ),
    "group_demo": group_demo,
}


def controls_of(widget: widgets.Widget) -> Iterator[widgets.Widget]:
    """Give the sliders and choices inside a widget, from top to bottom."""
    if stops(widget):
        yield widget
    for child in getattr(widget, "children", ()):
        yield from controls_of(child)


def stops(control: widgets.Widget) -> list:
    """Return the values that a sweep of a control visits; none for what is no control."""
    if isinstance(control, widgets.FloatSlider | widgets.IntSlider):
        between = np.linspace(control.min, control.max, STOPS)
        return [round(stop) if isinstance(control, widgets.IntSlider) else float(stop) for stop in between]
    if isinstance(control, widgets.Checkbox):
        return [True, False]
    return [value for _, value in getattr(control, "_options_full", ())]


def update_times(widget: widgets.Widget) -> list[float]:
    """Move each control of a widget over its range and return the milliseconds until each new picture was ready."""
    times = []
    for control in controls_of(widget):
        start = control.value
        for stop in [*stops(control), start]:
            shown, began = widget.png, time.perf_counter()
            control.value = stop
            if widget.png is not shown:
                times.append(1000 * (time.perf_counter() - began))
    return times


def measure_updates(makers: dict[str, Callable[[], widgets.Widget]]) -> Figures:
    """Return for each widget the number of updates and their median and 90th percentile in milliseconds."""
    figures = {}
    for name, make in makers.items():
        times = update_times(make())
        median, slow = np.percentile(times, [50, 90])
        figures[name] = {"updates": len(times), "median_ms": round(float(median), 1), "p90_ms": round(float(slow), 1)}
    return figures


def describe_updates(figures: Figures) -> str:
    """Write the figures as a table, for people."""
    rows = [f"{'one update of a widget':<24}{'median':>10}{'90th percentile':>18}{'updates':>10}"]
    for name, figure in figures.items():
        row = f"{name:<24}{figure['median_ms']:>7.1f} ms{figure['p90_ms']:>15.1f} ms{figure['updates']:>10}"
        rows.append(row + (f"  over {LIMIT_MS} ms" if figure["median_ms"] > LIMIT_MS else ""))
    return "\n".join(rows)


def machine() -> dict[str, str]:
    """Say what the figures were taken on."""
    return {"python": platform.python_version(), "machine": platform.machine(), "system": platform.system()}
