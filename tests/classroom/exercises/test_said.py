"""How a verdict looks: its kinds differ in sign and colour, and what it quotes is escaped."""

import re

import pytest

from course_lib.classroom.exercises.said import SIGNS, Said


def test_the_kinds_differ_in_sign_and_in_colour():
    shown = {kind: Said(f"{kind}: words.")._repr_html_() for kind in SIGNS}
    for part in (r'aria-hidden="true">(.)<', r"border-left: 5px solid (#\w+)"):
        assert len({re.search(part, html)[1] for html in shown.values()}) == len(SIGNS)


@pytest.mark.parametrize("verdict", ["Passed: one & all.\nKept in my_rlhf.py.", "Not yet: <b>.\n  input:    a = [1]"])
def test_every_line_is_shown_and_escaped(verdict):
    html = Said(verdict)._repr_html_()
    assert repr(Said(verdict)) == verdict
    assert "<b>." not in html
    for line in verdict.replace("&", "&amp;").replace("<b>", "&lt;b&gt;").splitlines():
        assert line.partition(": ")[2].strip() in html


def test_the_input_stands_as_it_was_written():
    verdict = "Not yet: off.\n  input:    a = [1]\n            b = [2]\n  got:      3"
    assert "input:    a = [1]\n          b = [2]\ngot:      3</pre>" in Said(verdict)._repr_html_()
