import tomllib
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from course_lib.classroom import html

ROOT = Path(__file__).parents[2]


def test_whatever_is_filled_in_is_escaped():
    assert "<b>" not in html.sentence_html("<b>bold</b>")
    assert "&lt;b&gt;bold" in html.sentence_html("<b>bold</b>")


def test_punctuation_stays_on_the_line_of_the_word_before():
    assert html.closed_up("a film , and so ( on ) .") == "a film\u00a0, and so ( on )\u00a0."


def test_a_value_that_a_template_misses_is_an_error_and_no_empty_place():
    with pytest.raises(UndefinedError, match="'sentence' is undefined"):
        html.render("sentence", {})


def test_every_template_and_style_is_shipped_with_the_package():
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    classroom = ROOT / "course_lib" / "classroom"
    shipped = {path for pattern in setup["package-data"]["course_lib.classroom"] for path in classroom.glob(pattern)}
    assert shipped == {*classroom.rglob("*.j2"), *classroom.rglob("*.css"), *classroom.rglob("*.toml")}
