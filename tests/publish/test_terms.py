"""The first use of a term is linked to what it means, in prose alone, and the link becomes a definition on a page."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from shared.notebooks import NOTEBOOKS

from course_lib.classroom.glossary import Glossary, terms
from course_lib.publish.markdown import to_html
from course_lib.publish.stored import read
from course_lib.publish.terms import LEADS_TO, link_terms

NAT = f'[nat]: {LEADS_TO} "{terms()["nat"]}"'


def linked(*cells: str) -> list[str]:
    notebook = new_notebook(cells=[new_markdown_cell(cell) for cell in cells])
    link_terms(notebook)
    again = new_notebook(cells=[new_markdown_cell(cell.source) for cell in notebook.cells])
    link_terms(again)
    assert [cell.source for cell in again.cells] == [cell.source for cell in notebook.cells], "once is as good as twice"
    return [cell.source for cell in notebook.cells]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_term_of_a_notebook_is_linked_or_explained_where_it_first_comes(path):
    notebook = read(path)
    link_terms(notebook)
    assert [cell.source for cell in notebook.cells] == [cell.source for cell in read(path).cells], (
        f"run: python -m course_lib.publish.terms {path.stem[:2]}"
    )


def test_the_first_use_alone_is_linked_and_the_clause_stands_below():
    assert linked("Two nats.", "One nat.") == [f"Two [nats][nat].\n\n{NAT}", "One nat."]


def test_a_longer_term_goes_before_one_within_it():
    (text,) = linked("A reward model's KL.")
    assert text.startswith("A [reward model][]'s [KL][].")


@pytest.mark.parametrize(
    "hidden",
    [
        "`a nat`",
        "$nat$",
        "## A nat",
        "[nat](file.md)",
        "```\na nat\n```",
        "$$nat$$",
        "<b nat>",
        "natural",
        "KLM",
        "<summary>A nat.</summary>",
    ],
)
def test_code_formulas_headings_and_other_words_are_left_alone(hidden):
    assert linked(hidden) == [hidden]


@pytest.mark.parametrize("explained", ["A *nat* is a unit. A nat.", "**Nats** are units."])
def test_what_the_prose_explains_itself_is_left_to_it(explained):
    assert linked(explained, "A nat.") == [explained, "A nat."]


def test_a_use_before_the_explanation_is_linked():
    assert linked("A nat, that is, a *nat*.")[0].startswith("A [nat][], that is")


def test_a_changed_clause_is_brought_up_to_date_and_code_cells_stay():
    old = f'A [nat][].\n\n[nat]: {LEADS_TO} "old"'
    notebook = new_notebook(cells=[new_code_cell("nat = 1"), new_markdown_cell(old)])
    link_terms(notebook)
    assert [cell.source for cell in notebook.cells] == ["nat = 1", f"A [nat][].\n\n{NAT}"]


def test_on_a_page_it_leads_to_the_glossary_and_on_a_slide_it_tells_the_clause_itself():
    source = linked("One nat.")[0]
    on_page, on_slide = to_html(source, lambda _: "00_welcome.html"), to_html(source, lambda _: "")
    means = terms()["nat"]
    assert f'<a class="term" href="00_welcome.html#glossary" title="{means}">nat</a>' in on_page
    assert f'<abbr class="term" tabindex="0" title="{means}">nat</abbr>' in on_slide


def test_clauses_are_short_plain_and_fit_a_title():
    for term, means in terms().items():
        assert len(means) <= 110, term
        assert not set('"<>[]*`$') & set(means), term
        assert not means.endswith("."), term
    assert all(f"{term}: " in repr(Glossary()) and f">{term}</th>" in Glossary()._repr_html_() for term in terms())
