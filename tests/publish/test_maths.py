"""Formulas: those of the notebooks all become MathML, code stays code."""

import re

import pytest
from shared.notebooks import each_notebook

from course_lib.publish.markdown import to_html
from course_lib.publish.maths import mathml
from course_lib.publish.stored import read
from course_lib.training.files.errors import CourseError


def test_a_formula_becomes_mathml_within_the_line_or_on_its_own():
    assert mathml("r_t") == "<math><msub><mi>r</mi><mi>t</mi></msub></math>"
    assert mathml(r"\frac12", block=True) == '<math display="block"><mfrac><mn>1</mn><mn>2</mn></mfrac></math>'


def test_a_prime_is_no_exponent():
    assert mathml(r"\beta'") == '<math><mrow><mi>β</mi><mo lspace="0" rspace="0">′</mo></mrow></math>'


def test_what_is_not_latex_is_named():
    with pytest.raises(CourseError, match=r"got '\\\\frac\{1\}' .*mend it"):
        mathml(r" \frac{1} ")


def test_formulas_in_markdown_are_rendered_and_those_in_code_are_not():
    html = to_html("Of $r_t$ and `$r$`:\n\n$$\n\\log 2\n$$\n\n```python\nprice = '$5 or $6'\n```\n")
    assert html.count("<math") == 2
    assert '<span class="formula"><math display="block">' in html
    assert "<code>$r$</code>" in html
    assert "$5 or $6" in html


def test_no_line_begins_with_the_comma_after_a_formula():
    html = to_html("With $d$, and ($n$-th) or $a$ alone or $b$.")
    kept = re.findall(r'<span style="white-space: nowrap">(.*?)</span>', html)
    assert [re.sub("<[^>]+>", "", words) for words in kept] == ["d,", "(n-th)", "b."]


def test_an_environment_is_a_formula_of_several_lines():
    lines = "\\begin{aligned} a &= 1 \\\\ b &= 2 \\end{aligned}"
    for html in (to_html(f"$${lines}$$"), to_html(lines)):
        assert html.count("<mtr>") == 2
        assert "&amp;" not in html


@each_notebook
def test_every_formula_of_the_notebooks_is_rendered(path):
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            html = re.sub(r"<code>.*?</code>|<pre>.*?</pre>", "", to_html(cell.source), flags=re.DOTALL)
            assert "$" not in html, cell.id
            assert "merror" not in html, cell.id
