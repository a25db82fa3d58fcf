"""Words that give way to each other, to curves and to the edge."""

import pytest
from matplotlib.figure import Figure
from shared.pictures import badly_set_in

from course_lib.classroom.plots.labels import give_way, spread_out
from course_lib.classroom.style import POLICY, label


@pytest.fixture
def ax():
    axes = Figure(figsize=(4, 4)).subplots()
    axes.set(xlim=(0, 10), ylim=(0, 10))
    return axes


def test_words_at_the_ends_of_curves_do_not_overlap(ax):
    placed = spread_out([5.0, 5.1, 9.0], ax, apart=0.1)
    assert placed[1] - placed[0] == pytest.approx(1.0)
    assert placed[2] == 9.0
    assert spread_out([1.0, 8.0], ax) == [1.0, 8.0]


def test_names_of_near_points_give_way_to_each_other_and_to_what_else_is_written(ax):
    ax.text(5.2, 5.2, "written before", va="bottom")
    points = [(5.0, 5.0), (5.1, 5.1), (5.2, 4.9), (9.9, 5.0)]
    ax.plot(*zip(*points, strict=True), "o")
    names = [label(ax, x, y, f"name {place}", POLICY) for place, (x, y) in enumerate(points)]
    assert badly_set_in(ax.figure)
    give_way(names)
    assert badly_set_in(ax.figure) == set()
    assert names[-1].get_ha() == "right"  # away from the edge


def test_a_name_stands_beside_its_curve(ax):
    ax.plot([0, 10], [0, 10])
    name = label(ax, 5.0, 5.0, "name", POLICY)
    give_way([name])
    x, y = name.get_position()
    assert (x > 0) != (y > 0)  # under the curve on the right of the point, or over it on the left
