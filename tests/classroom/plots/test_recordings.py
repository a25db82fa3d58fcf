"""The pictures of recorded experiments say what the recordings hold."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from course_lib.classroom.canvas import Canvas
from course_lib.classroom.plots.recordings import (
    MARKS,
    draw_against_kl,
    draw_choices,
    draw_clip_table,
    draw_label_noise,
    move_label_noise,
    normalised_scores,
)
from course_lib.classroom.style import POLICY, styled
from course_lib.training.experiments.recordings import LabelNoise, Recording

NOISE = LabelNoise(
    pairs=np.array([32.0, 64.0]),
    one_person={0.0: np.array([[0.5, 0.7], [0.6, 0.9]]), 0.1: np.array([[0.5, 0.6], [0.5, 0.6]])},
    everybody=np.array([[0.6, 0.8], [0.6, 0.8]]),
)

SCORERS = {"length": 0.5, "VADER's rules": 0.625, "TF-IDF + ridge": 0.75, "one person": 0.875}


def recording(name: str, seed: int, score: float, **changes) -> Recording:
    """A run of two steps that ends at a score, at a KL of ten times that, with half of it from the judge."""
    metrics = {"step": [1, 2], "score": [0.0, score]}
    before = {"score": -1.0, "kl": 0.0, "judge": 0.1}
    return Recording(name, seed, changes, metrics, before, {"score": score, "kl": 10 * score, "judge": score / 2}, [])


@pytest.fixture
def figure():
    with styled():
        yield Figure(figsize=(8, 4.5))


def words(ax) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_scores_are_normalised_between_the_start_and_the_best_run():
    runs = [recording("clip 0.2", 0, 3.0), recording("clip 0.2", 1, 1.0), recording("no clipping", 0, -1.0)]
    scores = normalised_scores(runs)
    assert {name: values.tolist() for name, values in scores.items()} == {"clip 0.2": [1.0, 0.5], "no clipping": [0.0]}


def test_the_clip_table_has_a_row_an_objective_with_its_mean(figure):
    ax = figure.subplots()
    runs = [recording("no clipping", 0, -2.0), recording("clip 0.2", 0, 3.0), recording("clip 0.2", 1, 1.0)]
    assert draw_clip_table(ax, runs) == {"no clipping": -0.25, "clip 0.2": 0.75}
    assert [text.get_text() for text in ax.get_yticklabels()] == ["no clipping", "clip 0.2"]
    assert words(ax) == ["−0.25", "0.75"]
    assert ax.get_xlim()[0] < -0.25


@pytest.mark.parametrize(("metric", "path"), [("score", [-1.0, 0.5, 1.0]), ("judge", [0.1, 0.25, 0.5])])
def test_the_frontier_names_each_coefficient(figure, metric, path):
    runs = [recording(f"kl_coef {c:g}", 0, 1 - c, kl_coef=c) for c in (0.0, 0.5)]
    ax = figure.subplots()
    draw_against_kl(ax, runs, metric=metric, colour=POLICY)
    assert [word.strip() for word in words(ax)] == ["0.5", "0", "before"]
    assert ax.lines[-2].get_xdata().tolist() == [0.0, 5.0, 10.0]
    assert ax.lines[-2].get_ydata().tolist() == path


def test_every_choice_is_drawn_over_the_default(figure):
    axes = figure.subplots(1, 2)
    draw_choices(axes, [recording("default", 0, 1.0), recording("lam 0", 0, 0.5), recording("lam 1", 0, 2.0)])
    assert [ax.get_title(loc="left") for ax in axes] == ["λ = 0 (default 0.9)", "λ = 1 (default 0.9)"]
    assert [sorted({line.get_ydata()[-1] for line in ax.lines}) for ax in axes] == [[0.5, 1.0], [1.0, 2.0]]


@pytest.mark.parametrize(("noise", "pairs", "accuracy"), [(0.0, 32, 0.55), (0.0, 64, 0.8), (0.1, 64, 0.6)])
def test_the_mark_stands_where_the_recording_says(figure, noise, pairs, accuracy):
    moving = draw_label_noise(figure.subplots(), NOISE, SCORERS, noise=0.1, pairs=32)
    assert move_label_noise(moving, NOISE, noise=noise, pairs=pairs) == pytest.approx(accuracy)
    curve, point, text = moving
    assert curve.get_ydata().tolist() == NOISE.one_person[noise].mean(axis=0).tolist()
    assert (point.get_xdata()[0], point.get_ydata()[0]) == (pairs, pytest.approx(accuracy))
    assert text.get_text() == f"{accuracy:.0%}"
    assert text.xy == (pairs, pytest.approx(accuracy))


def test_only_what_is_marked_moves(figure):
    moving = draw_label_noise(figure.subplots(), NOISE, SCORERS, noise=0.0, pairs=32)
    canvas = Canvas(figure, moving)
    first = canvas.png()
    move_label_noise(moving, NOISE, noise=0.1, pairs=64)
    assert canvas.png() != first
    move_label_noise(moving, NOISE, noise=0.0, pairs=32)
    assert canvas.png() == first


def test_the_marks_are_the_scorers_that_it_is_given(figure):
    ax = figure.subplots()
    draw_label_noise(ax, NOISE, SCORERS, pairs=32)
    heights = {text.get_text(): text.xy[1] for text in ax.texts if text.get_text() in MARKS.values()}
    assert heights == {"length": 0.5, "bag of words": 0.75, "a person": 0.875}
