"""Names beside points give way: to each other, to what is written already, and to the path."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.figure import Figure

from course_lib.classroom.plots.curves import PANELS, draw_panels
from course_lib.classroom.plots.labels import write_beside
from course_lib.classroom.style import POLICY, styled

NAMES = ("before", "0.5", "0.2", "0.12", "0.05", "0.02", "0")


def boxes(ax):
    ax.figure.draw_without_rendering()
    return [text.get_window_extent() for text in ax.texts]


def drawn(path, **limits):
    with styled():
        ax = Figure(figsize=(3.4, 3.2)).subplots()
        ax.plot(*path.T, "o-")
        ax.set(**limits)
        ax.figure.draw_without_rendering()
        write_beside(ax, [(*point, name, POLICY) for point, name in zip(path, NAMES, strict=False)], paths=[path])
    return ax


@pytest.mark.parametrize("seed", range(12))
def test_names_of_any_path_stay_apart(seed):
    draw = np.random.default_rng(seed)
    steps = draw.exponential(1.0, (7, 2)) ** 2 * [1.0, draw.choice([-1, 0.1, 1])]  # some far apart, some close
    apart = boxes(drawn(np.cumsum(steps, axis=0)))
    assert not [pair for pair in combinations(apart, 2) if pair[0].overlaps(pair[1])]


def test_a_name_stands_beside_its_point_and_not_on_the_path():
    path = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    ax = drawn(path)
    for (x, y), box in zip(ax.transData.transform(path), boxes(ax), strict=False):
        assert not box.contains(x, y)
        assert max(box.x0 - x, x - box.x1, box.y0 - y, y - box.y1) < 20
    along = ax.transData.transform(np.linspace(0, 2, 60)[:, None] * [1, 1])
    assert not any(box.contains(*dot) for box in boxes(ax) for dot in along)


def test_what_is_written_already_is_left_free():
    with styled():
        ax = Figure(figsize=(3.4, 3.2)).subplots()
        ax.set(xlim=(0, 1), ylim=(0, 1))
        ax.text(0.52, 0.5, "taken", va="center")
        ax.figure.draw_without_rendering()
        write_beside(ax, [(0.5, 0.5, "new", POLICY)], paths=[np.array([[0.5, 0.5]])])
    taken, new = boxes(ax)
    assert not taken.overlaps(new)


@pytest.mark.parametrize("last", [-1.0, -0.1, -0.02, 0.0, 0.01, 0.05, 0.1, 0.3, 1.0])
def test_names_and_last_values_of_a_run_s_curves_stay_apart(last):
    ends = {line.metric: last for panel in PANELS for line in panel.lines} | {"top_word_share": 1.1 * last}
    records = [
        {name: end * step / 8 for name, end in ends.items()} | {"step": step, "kl_coef": 0.1} for step in range(1, 9)
    ]
    with styled():
        figure = Figure(figsize=(14, 11))
        axes = list(figure.subplots(3, 3).flat)
        draw_panels(axes, records, PANELS)
    for ax, panel in zip(axes, PANELS, strict=True):
        words = boxes(ax)
        assert len(words) == 1 + len(panel.lines) + bool(panel.zero) + sum(bool(line.name) for line in panel.lines)
        assert not [pair for pair in combinations(words, 2) if pair[0].overlaps(pair[1])], panel.title
