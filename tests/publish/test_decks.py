"""The rules by which cells become slides, and the pages: decks that stand alone, notes, copies for JupyterLab."""

import re
from html.parser import HTMLParser

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from shared.notebooks import NOTEBOOKS, each_notebook, read

from course_lib.publish import decks, marks, present, slides
from course_lib.publish.lesson import read_lesson
from course_lib.publish.notebooks import canonical
from course_lib.publish.plan import plan, slide_type

PNG = "iVBORw0KGgo="


def cell(name: str, source: str = "words", mark: str = "", *, notes: dict | None = None) -> NotebookNode:
    metadata = {"slideshow": {"slide_type": mark}} if mark else {}
    return new_markdown_cell(source, id=name, metadata=metadata | ({"notes": notes} if notes else {}))


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
            cell("title", "# A title (1 min)", "slide"),
            cell("idea", "## An idea (1 min)", "slide", notes={"cut": "All.", "say": "Hello."}),
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


def test_a_notebook_without_marks_gets_slides_for_all_but_exercises_and_cells_that_show_nothing():
    exercise = [
        cell("task", "### Exercise 1: f"),
        new_code_cell("def f(): ..."),
        new_code_cell("check(f)"),
        cell("solution"),
    ]
    shown = [cell("idea", "## An idea"), demo("show()", image_png=PNG), demo("print(1)", text_plain="1")]
    lab = new_notebook(
        cells=[cell("title", "# A lab"), new_code_cell("import torch"), *shown, *exercise, cell("after")]
    )
    marked = marks.marked(lab).cells
    expected = ["slide", "skip", "slide", "subslide", "subslide", "skip", "skip", "skip", "skip", "subslide"]
    assert [slide_type(member) for member in marked] == expected
    assert [place for place, member in enumerate(marked) if member.metadata.get("tags") == ["hide-input"]] == [3]


def test_sections_for_working_alone_are_left_out():
    begins = ("# A lab (about 60 min)", "## Short", "## Go deeper: more", "words", "## Exercises", "## Last")
    notebook = new_notebook(cells=[cell(f"cell-{place}", source) for place, source in enumerate(begins)])
    marked = [slide_type(member) for member in marks.marked(notebook).cells]
    assert marked == ["slide", "slide", "skip", "skip", "skip", "slide"]
    assert [group[0].section for group in plan(notebook)] == ["A lab", "Short", "Last"]


def test_marks_that_are_there_stay():
    notebook = new_notebook(cells=[cell("one", "# One", "skip"), cell("two")])
    assert [slide_type(member) for member in marks.marked(notebook).cells] == ["skip", ""]


def test_marks_are_written_once(tmp_path, monkeypatch, capsys):
    path = tmp_path / "04_lab.ipynb"
    nbformat.write(new_notebook(cells=[cell("title", "# A lab"), cell("text")]), path)
    monkeypatch.setattr(marks, "FOLDER", tmp_path)
    assert marks.main(["04"]) == 0
    assert [slide_type(member) for member in read(path).cells] == ["slide", "subslide"]
    before = path.read_bytes()
    assert marks.main(["04"]) == 2
    assert "without slide marks" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_notes_marks_and_tags_outlive_a_run_and_nothing_else_does():
    kept = {"notes": {"say": "Hello."}, "slideshow": {"slide_type": "slide"}, "tags": ["hide-input"]}
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
    count, out = written[path.stem]
    page = Page((out / f"{path.stem}.html").read_text(encoding="utf-8"))
    lesson = read_lesson(path)
    planned = [slide for group in plan(marks.marked(lesson.notebook)) for slide in group]
    assert count == len(planned)
    said = [" ".join(re.findall(r"\w+", note)[:8]) for slide in planned for _, note in slide.notes]
    words, notes = (" ".join(re.findall(r"\w+", "".join(texts))) for texts in (page.words, page.notes))
    assert all(begin in notes and begin not in words for begin in said)


def test_code_is_shown_without_imports_and_hidden_where_the_tag_says_so(written):
    _, out = written["02_clipped_ppo"]
    words = "".join(Page((out / "02_clipped_ppo.html").read_text(encoding="utf-8")).words)
    assert "optimizer = torch.optim.Adam" in words
    assert "import torch" not in words
    assert "clip_demo()" not in words


def test_answers_are_unfolded_and_other_folds_are_not():
    answer = "<details><summary>What you should have seen</summary>"
    quiz = "<details><summary>(a) Yes</summary>"
    assert decks.unfolded(answer + quiz) == answer.replace("<details>", "<details open>") + quiz


def test_a_live_copy_has_the_slides_and_the_code_before_them():
    hidden = demo("clip_demo()", image_png=PNG)
    hidden.metadata = NotebookNode({"tags": ["hide-input"], "slideshow": {"slide_type": "subslide"}})
    needed = new_code_cell("import torch", metadata={"slideshow": {"slide_type": "skip"}})
    answer = cell("seen", "<details><summary>What you should have seen</summary>\n\nIt.\n\n</details>", "subslide")
    later = new_code_cell("deeper()", metadata={"slideshow": {"slide_type": "skip"}})
    first = [cell("title", "# One", "slide"), needed, cell("aside", mark="skip")]
    cells = [*first, hidden, answer, cell("deep", mark="skip"), later]
    shown = present.live(new_notebook(cells=cells)).cells
    assert [member.source.split("\n")[0] for member in shown][:3] == ["# One", "import torch", "clip_demo()"]
    assert shown[2].metadata[present.STYLES] == present.PICTURE
    assert shown[3].source.startswith("<details open>")
    assert len(shown) == 4


def test_what_the_slides_need_and_is_not_installed_is_named(monkeypatch, tmp_path, capsys):
    for module in (decks, present):
        monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert slides.main(["00", "--out", str(tmp_path)]) == 2
    assert "sphinx-revealjs" in capsys.readouterr().err
    assert present.main(["00"]) == 2
    assert "jupyterlab-slideshow" in capsys.readouterr().err
