"""How cells become slides, and the pages: decks that stand alone, notes, copies for JupyterLab."""

import re
import sys
from html.parser import HTMLParser

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from shared.notebooks import NOTEBOOKS, each_notebook

from course_lib.publish import decks, present, slides
from course_lib.publish.amount import amount
from course_lib.publish.lesson import read_lesson
from course_lib.publish.plan import plan
from course_lib.publish.stored import canonical, write
from course_lib.training.files.errors import CourseError

PNG = "iVBORw0KGgo="


def cell(name: str, source: str = "words", mark: str = "", **metadata: dict) -> NotebookNode:
    marked = {"slideshow": {"slide_type": mark}} if mark else {}
    return new_markdown_cell(source, id=name, metadata=marked | metadata)


def demo(source: str, **data: str) -> NotebookNode:
    return new_code_cell(
        source, outputs=[new_output("display_data", data={kind.replace("_", "/"): text for kind, text in data.items()})]
    )


class Page(HTMLParser):
    """What a page would load, and its words, those of the notes apart."""

    def __init__(self, html: str):
        super().__init__()
        self.loads, self.words, self.notes, self.inside = [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag not in ("img", "link", "meta", "br", "input"):
            self.inside.append((tag, attrs.get("class")))
        self.loads += [attrs[name] for name in ("src", "href", "data") if name in attrs and tag != "a"]

    def handle_endtag(self, tag):
        if any(tag == opened for opened, _ in self.inside):
            while self.inside.pop()[0] != tag:
                pass

    def handle_data(self, data):
        if not {"script", "style"} & {tag for tag, _ in self.inside}:
            (self.notes if ("aside", "notes") in self.inside else self.words).append(data)


def test_slides_of_a_section_share_its_minutes_and_cells_without_a_mark_go_on():
    notebook = new_notebook(
        cells=[
            cell("title", "# A title (1 min)", "slide", course={"minutes": 1}),
            cell("idea", "## An idea (1 min)", "slide", course={"minutes": 1}, notes={"cut": "All.", "say": "Hello."}),
            cell("more"),
            cell("left-out", mark="skip"),
            cell("later", mark="subslide"),
            cell("at-last", mark="fragment"),
            cell("end", mark="subslide"),
        ]
    )
    title, section = plan(notebook)
    assert [[member.id for member in slide.cells] for slide in section] == [
        ["idea", "more"],
        ["later", "at-last"],
        ["end"],
    ]
    assert [(slide.starts, slide.ends) for slide in [*title, *section]] == [(0, 0), (0, 20), (20, 40), (40, 60)]
    assert section[0].notes == [("Say", "Hello."), ("When late", "All.")]
    assert {slide.section for slide in section} == {"An idea"}


def test_a_notebook_without_slides_is_named(tmp_path):
    write(new_notebook(cells=[cell("title", "# A title")]), tmp_path / "06_mine.ipynb")
    with pytest.raises(CourseError, match=r"Expected 06_mine\.ipynb to have slides, but no cell is marked as one; set"):
        slides.write(tmp_path / "06_mine.ipynb", tmp_path)


def test_roles_notes_marks_and_tags_outlive_a_run_and_nothing_else_does():
    kept = {
        "course": {"minutes": 1},
        "notes": {"say": "Hello."},
        "slideshow": {"slide_type": "slide"},
        "tags": ["hide-input"],
    }
    notebook = new_notebook(cells=[new_markdown_cell("words", metadata=kept | {"collapsed": True, "execution": {}})])
    assert canonical(notebook).cells[0].metadata == kept


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("slides")
    return {path.stem: (slides.write(path, out), out) for path in NOTEBOOKS}


@each_notebook
def test_a_deck_and_its_notes_load_nothing_from_elsewhere(written, path):
    _, out = written[path.stem]
    for name in (path.stem, f"{path.stem}-notes"):
        html = (out / f"{name}.html").read_text(encoding="utf-8")
        assert all(address.startswith("data:") for address in Page(html).loads), name
        styles = "".join(re.findall(r"<style>(.*?)</style>", html, flags=re.DOTALL))
        assert not re.search(r"@import|url\((?!data:|[\"']?data:)", styles), name


@each_notebook
def test_a_deck_has_every_slide_and_keeps_its_notes_from_the_class(written, path):
    told, out = written[path.stem]
    page = Page((out / f"{path.stem}.html").read_text(encoding="utf-8"))
    lesson = read_lesson(path)
    planned = [slide for group in plan(lesson.notebook) for slide in group]
    assert told.slides == len(planned)
    said = [" ".join(re.findall(r"\w+", note)[:8]) for slide in planned for _, note in slide.notes]
    words, notes = (" ".join(re.findall(r"\w+", "".join(texts))) for texts in (page.words, page.notes))
    assert all(begin in notes and begin not in words for begin in said)


def test_code_is_shown_without_imports_and_hidden_where_the_tag_says_so(written):
    _, out = written["02_clipped_ppo"]
    words = "".join(Page((out / "02_clipped_ppo.html").read_text(encoding="utf-8")).words)
    assert "optimizer = torch.optim.Adam" in words
    assert "import torch" not in words
    assert "clip_demo(" not in words


def test_lines_that_are_marked_are_told_apart_and_long_ones_go_on_beyond_their_indent():
    source = 'import torch\n\nfor row in rows:\n    loss = row["<a>"]\n\n    step()'
    html = decks.code(new_code_cell(source, metadata={"course": {"mark": [4]}}))
    lines = re.findall(r'<span class="line(.*?)" style="--indent: (\d+)ch">(.*?)\n</span>', html, flags=re.DOTALL)
    assert [bool(marked) for marked, _, _ in lines] == [False, True, False, False]
    assert [indent for _, indent, _ in lines] == ["8", "12", "8", "12"]
    assert "&lt;a&gt;" in lines[1][2]
    assert "import" not in html


def test_words_that_are_read_and_words_that_are_said_are_counted():
    notes = {"say": "Two words.", "expect": "Three more words.", "cut": "This is not told."}
    notebook = new_notebook(
        cells=[
            cell("title", "# A title (1 min)", "slide", course={"minutes": 1}),
            cell(
                "idea",
                "## An *idea* (1 min)\n\nOf $a + b$, <b>two</b> words.",
                "slide",
                course={"minutes": 1},
                notes=notes,
            ),
            demo("not_counted = 1", image_png=PNG, text_plain="A picture's words."),
            cell("left-out", "Nor these.", mark="skip"),
        ]
    )
    told = amount(notebook, plan(notebook))
    assert (told.slides, told.shown, told.said, told.planned) == (2, 4 + 7 + 3, 5, 1)
    assert str(told).startswith("2 slides with 14 words; the notes have 5 to say, 0.0 minutes at 130 words a minute")


def test_a_live_copy_has_the_slides_and_the_code_before_them():
    hidden = demo("clip_demo()", image_png=PNG)
    hidden.metadata = NotebookNode({"tags": ["hide-input"], "slideshow": {"slide_type": "subslide"}})
    needed = new_code_cell("import torch", metadata={"slideshow": {"slide_type": "skip"}})
    answer = cell("seen", "<details>It.</details>", "subslide", course={"role": "answer", "of": "asks"})
    later = new_code_cell("deeper()", metadata={"slideshow": {"slide_type": "skip"}})
    first = [cell("title", "# One", "slide"), needed, cell("aside", mark="skip")]
    cells = [*first, hidden, answer, cell("deep", mark="skip"), later]
    shown = present.live(new_notebook(cells=cells)).cells
    assert [member.source.split("\n")[0] for member in shown][:3] == ["# One", "import torch", "clip_demo()"]
    assert shown[2].metadata[present.STYLES] == {"styles": present.PICTURE}
    assert shown[3].source.startswith("<details open>")
    assert len(shown) == 4


def test_a_live_copy_tells_the_minute_and_the_marked_lines():
    code = new_code_cell("one()\ntwo()", id="code", metadata={"course": {"mark": [2]}})
    idea = cell("idea", "## An idea (2 min)", "slide", course={"minutes": 2})
    more = cell("more", mark="subslide")
    title = cell("title", "# A title (2 min)", "slide", course={"minutes": 2})
    shown = present.live(new_notebook(cells=[title, idea, code, more])).cells
    styles = [member.metadata[present.STYLES]["styles"] for member in shown]
    minutes = [style.get(".jp-CellHeader::before", {}).get("content") for style in styles]
    assert minutes == ["'minute 0:00 of 2'", "'minute 0:00 of 2'", None, "'minute 1:00 of 2'"]
    assert styles[2] == {".cm-line:nth-child(2)": present.MARKED}


def test_what_the_slides_need_and_is_not_installed_is_named(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "sphinx_revealjs.utils", None)
    monkeypatch.setattr(present, "find_spec", lambda name: None)
    assert slides.main(["00", "--out", str(tmp_path)]) == 2
    assert "sphinx-revealjs" in capsys.readouterr().err
    assert present.main(["00"]) == 2
    assert "jupyterlab-slideshow" in capsys.readouterr().err
