import pytest

from course_lib.classroom.texts_table import TextsTable

TEXTS = [
    {"prompt": "a <b>", "text": "a <b> & a film", "score": -1.234, "judge": 0.5},
    {"prompt": "it", "text": "it 's good", "score": 2.0, "judge": -0.25},
]


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
