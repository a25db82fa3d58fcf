"""What notebook 00 is made of: the environment check, the map, the table of texts."""

import io
import re
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest
from PIL import Image

from course_lib.classroom import environment
from course_lib.classroom.canvas import png
from course_lib.classroom.environment import check_environment
from course_lib.classroom.plots.pipeline_map import MAP_SAYS, pipeline_map
from course_lib.classroom.texts_table import TextsTable
from course_lib.training.files.errors import CourseError

TEXTS = [
    {"prompt": "a <b>", "text": "a <b> & a film", "score": -1.234, "judge": 0.5},
    {"prompt": "it", "text": "it 's good", "score": 2.0, "judge": -0.25},
]


def lines(capsys):
    check_environment()
    return capsys.readouterr().out.splitlines()


def test_all_is_well_but_that_a_test_is_no_notebook(capsys):
    told = lines(capsys)
    assert [line[:8].strip() for line in told] == ["OK", "OK", "OK", "TO DO"]
    assert "make lab" in told[-1]


def test_another_python(capsys, monkeypatch):
    monkeypatch.setattr(environment.sys, "version_info", (3, 10, 4))
    assert lines(capsys)[0].startswith("TO DO   Expected Python 3.11, 3.12 or 3.13, but this is ")


@pytest.mark.parametrize(
    ("found", "says"), [("6.31.0", "ipykernel is 6.31.0, not <7.4,>=7.2"), (None, "ipykernel is not there")]
)
def test_a_package_that_is_old_or_missing(capsys, monkeypatch, found, says):
    real_version = environment.version

    def version(name):
        if name != "ipykernel":
            return real_version(name)
        if found is None:
            raise PackageNotFoundError(name)
        return found

    monkeypatch.setattr(environment, "version", version)
    told = lines(capsys)[1]
    assert told.startswith("TO DO")
    assert says in told


def test_the_course_is_not_installed(capsys, monkeypatch):
    def requires(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(environment, "requires", requires)
    assert "make lab" in lines(capsys)[1]


def test_a_damaged_file(capsys, monkeypatch):
    def verify(path):
        if path.name == "film.jsonl":
            raise CourseError("Expected data/ratings/film.jsonl as it was; restore it.")

    monkeypatch.setattr(environment, "verify", verify)
    assert lines(capsys)[2] == "TO DO   Expected data/ratings/film.jsonl as it was; restore it."


def test_inside_a_notebook(capsys, monkeypatch):
    class Shell:
        kernel = object()

    monkeypatch.setattr(environment, "get_ipython", Shell)
    assert lines(capsys)[3].startswith("OK")


def test_the_map_has_all_its_colours_and_words():
    pixels = np.asarray(Image.open(io.BytesIO(png(pipeline_map()))).convert("RGB")).reshape(-1, 3)
    colours = {tuple(int(part) for part in pixel) for pixel in np.unique(pixels, axis=0)}
    for colour in ("#0072B2", "#767676", "#E69F00", "#009E73"):
        assert tuple(bytes.fromhex(colour[1:])) in colours, colour
    assert re.search(r"reference.*reward model.*PPO.*policy.*KL leash", MAP_SAYS)


def test_nothing_on_the_map_is_cut_off():
    figure = pipeline_map()
    figure.canvas.draw()
    for text in figure.axes[0].texts:
        box = text.get_window_extent()
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= 1000
        assert box.y1 <= 450


def test_what_a_model_wrote_is_escaped_and_the_prompt_stands_apart():
    html = TextsTable({"Now": TEXTS})._repr_html_()
    assert "<b>a &lt;b&gt;</b> &amp; a film" in html
    assert "score −1.23" in html
    assert "judge +0.50" in html


def test_the_same_in_plain_lines():
    told = repr(TextsTable({"Before": TEXTS, "Now": TEXTS[::-1]}))
    assert told.splitlines()[:2] == [
        "Before: a <b> & a film (score −1.23, judge +0.50)",
        "Now: it 's good (score +2.00, judge −0.25)",
    ]


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="zip"):
        TextsTable({"Before": TEXTS, "Now": TEXTS[:1]})
