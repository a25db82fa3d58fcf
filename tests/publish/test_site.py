"""The site as a set of files: complete, with words beside pictures, without dead links and without a network."""

import re
from pathlib import Path, PurePosixPath

import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from shared.notebooks import NOTEBOOKS, ROOT

from course_lib.publish import site as module
from course_lib.publish.exporter import wraps
from course_lib.publish.lesson import Section, read_lesson
from course_lib.publish.links import Links, address, relative
from course_lib.publish.roles import role
from course_lib.publish.site import build, main, write
from course_lib.publish.stored import read
from course_lib.publish.stored import write as write_notebook
from course_lib.training.files.errors import CourseError

NAMES = [path.stem for path in NOTEBOOKS]
BAD = "<script>alert('mine')</script>"
README = """# A course

What it is.

## Start

    make lab

## The notebooks

Some hours.

| notebook | minutes | what you do |

## Data and licences

All of it is free.

The data are small.
"""


@pytest.fixture(scope="module")
def pages() -> dict[str, BeautifulSoup]:
    return {name: BeautifulSoup(html, "html.parser") for name, html in build(ROOT).items()}


def of_notebooks(pages) -> dict[str, BeautifulSoup]:
    return {name: page for name, page in pages.items() if name.removesuffix(".html") in NAMES}


@pytest.fixture
def small(tmp_path) -> Path:
    """A repository with one notebook, whose model and whose author write HTML and notes."""
    picture = {"image/png": "aGk=", "text/plain": f'A "picture" {BAD}'}
    outputs = [
        new_output("stream", name="stdout", text=f"The model writes {BAD}\n"),
        new_output("execute_result", data={"text/plain": BAD}),
        new_output("execute_result", data=picture),
        new_output("display_data", data=picture, metadata={"image/png": {"alt": "A sentence."}}),
    ]
    cells = [
        new_markdown_cell("# First & last (lab, about 5 min)\n\nSee [code](../course_lib/code.py#L3).", id="title"),
        new_markdown_cell("## An idea (2 min)\n\nSee [text](../data/README.md) and [data](../data/x.json).", id="idea"),
        new_code_cell("demo()", id="demo", outputs=outputs, metadata={"notes": "Say hello."}),
        new_markdown_cell("## Go deeper: more\n\nSee [above](#An-idea).", id="more", metadata={"notes": "Cut this."}),
    ]
    cells[0].metadata["course"] = {"minutes": 5, "lab": True, "name": "First", "does": "look at <the code>"}
    cells[1].metadata["course"] = {"minutes": 2}
    cells[3].metadata["course"] = {"deeper": True}
    for folder in ("notebooks", "course_lib", "data"):
        (tmp_path / folder).mkdir()
    write_notebook(new_notebook(cells=cells), tmp_path / "notebooks" / "00_first.ipynb")
    (tmp_path / "README.md").write_text(README)
    (tmp_path / "course_lib" / "code.py").write_text("x = '<b>'\n")
    (tmp_path / "data" / "README.md").write_text("# Data\n\nBack to [the first](../notebooks/00_first.ipynb).\n")
    (tmp_path / "data" / "x.json").write_text("{}")
    return tmp_path


def test_every_notebook_has_a_page_and_the_contents_lead_to_each_in_order(pages):
    assert [f"{name}.html" for name in NAMES] == [link["href"] for link in pages["index.html"].select(".cards a")]
    assert list(of_notebooks(pages)) == [f"{name}.html" for name in NAMES]


def test_every_cell_is_on_its_notebook_s_page(pages):
    for name in NAMES:
        cells = read(ROOT / "notebooks" / f"{name}.ipynb").cells
        names = [cell.id for cell in cells if role(cell) != "reveal"]  # a page tells at once, and keeps no choice
        assert [section["id"] for section in pages[f"{name}.html"].select("main > section")] == names


def test_every_picture_of_a_notebook_has_words(pages):
    for name, page in of_notebooks(pages).items():
        pictures = page.find_all("img")
        assert len(pictures) == len(page.select("figure img"))
        for picture in pictures:
            assert len(picture["alt"].split()) >= 3, name
            assert picture["src"].startswith("data:image/png;base64,")


def test_every_link_within_the_site_leads_to_a_place_that_is_there(pages):
    for name, page in pages.items():
        for link in page.select("a[href]"):
            if ":" not in link["href"]:
                path, _, place = link["href"].partition("#")
                target = follow(name, path)
                assert target in pages, f"{name} links to {link['href']}"
                assert not place or pages[target].find(id=place), f"{name} links to {link['href']}"


def follow(page: str, link: str) -> str:
    """Follow a relative link as a browser does."""
    parts = list(PurePosixPath(page).parent.parts) if link else [page]
    for part in PurePosixPath(link).parts:
        parts = parts[:-1] if part == ".." else [*parts, part]
    return "/".join(parts)


def test_no_page_asks_for_anything_over_the_network(pages):
    for name, page in pages.items():
        assert not page.select("link, iframe, object, embed, script[src], img:not([src^='data:'])"), name
        assert not re.search(r"@import|url\(", page.style.string), name
        policy = page.select_one("meta[http-equiv='Content-Security-Policy']")["content"]
        assert policy.startswith("default-src 'none'; img-src data:;")


def test_no_formula_is_left_in_latex(pages):
    for name, page in of_notebooks(pages).items():
        prose = [text for text in page.main.find_all(string=re.compile(r"\$|\\[a-z]+")) if not in_code(text)]
        assert prose == [], name
    assert len(pages["02_clipped_ppo.html"].find_all("math")) > 30


def in_code(text) -> bool:
    return bool(text.find_parent(["code", "pre"]))


def test_names_on_a_page_are_used_once(pages):
    for name, page in pages.items():
        names = [element["id"] for element in page.select("[id]")]
        assert len(set(names)) == len(names), name


def test_every_prediction_can_be_answered(pages):
    for name, page in of_notebooks(pages).items():
        for box in page.select(".predict"):
            options = [button["data-option"] for button in box.select("button")]
            assert box["data-right"] in options, name
            answer = page.select_one(f"#{box['data-answer']} details > p").text
            assert answer.startswith(f"({box['data-right']})"), name
    assert len(pages["01_reward_modeling.html"].select(".predict")) > 8


def test_what_a_model_writes_is_text(small):
    page = build(small)["00_first.html"]
    assert BAD not in page
    assert page.count("&lt;script&gt;alert") >= 3  # what is printed, the value and the words of a picture
    figure = BeautifulSoup(page, "html.parser").figure
    assert figure.img["alt"] == f'A "picture" {BAD}'


def test_a_title_is_text(small):
    assert "<title>First &amp; last</title>" in build(small)["00_first.html"]


def test_a_widget_says_that_it_is_one_and_a_picture_does_not(small):
    figures = BeautifulSoup(build(small)["00_first.html"], "html.parser").find_all("figure")
    assert [bool(figure.em) for figure in figures] == [True, False]
    assert figures[1].img["alt"] == "A sentence."


def test_notes_for_the_speaker_are_on_no_page(small):
    for name, page in build(small).items():
        assert "Say hello" not in page, name
        assert "Cut this" not in page, name


def test_files_that_a_page_links_to_get_pages_and_others_no_link(small):
    pages = build(small)
    assert list(pages) == ["index.html", "00_first.html", "course_lib/code.py.html", "data/README.md.html"]
    links = [link["href"] for link in BeautifulSoup(pages["00_first.html"], "html.parser").select("section a")]
    assert links == ["course_lib/code.py.html", "data/README.md.html"]
    assert 'href="../00_first.html"' in pages["data/README.md.html"]
    assert "&lt;b&gt;" in pages["course_lib/code.py.html"]


def test_the_sections_of_a_page_that_go_deeper_are_told_from_those_that_are_presented(pages):
    links = pages["02_clipped_ppo.html"].select(".toc li:not(.deeper)")
    for link in links:
        target = pages["02_clipped_ppo.html"].find(id=link.a["href"][1:])
        assert ("further" in link.get("class", [])) == target.h2.text.startswith("Go deeper"), link.text


@pytest.mark.parametrize(
    ("printed", "goes_on"),
    [
        ("people said that they liked it", True),
        ("chosen:   a long sentence\nrejected: another", True),
        ("                    score   nats   at least   explained\nPPO  1.2", False),
    ],
)
def test_printed_sentences_wrap_and_tables_do_not(printed, goes_on):
    assert wraps(printed) == goes_on


def test_the_contents_say_what_the_readme_and_the_notebooks_say(small):
    page = BeautifulSoup(build(small)["index.html"], "html.parser")
    assert page.h1.text == "A course"
    assert page.select_one(".title").text == "00 First"
    assert page.select_one(".does").text == "look at <the code>"
    assert page.select_one(".minutes").text == "lab, about 5 min"
    assert page.select_one(".lede").text.strip() == "What it is."
    assert page.select_one(".start code").text == "make lab"
    assert page.select_one(".licence").text.strip() == "All of it is free."


def test_a_notebook_without_a_name_goes_by_its_title(small):
    path = small / "notebooks" / "00_first.ipynb"
    notebook = read(path)
    del notebook.cells[0].metadata.course["name"]
    write_notebook(notebook, path.with_name("07_seventh.ipynb"))
    path.unlink()
    assert BeautifulSoup(build(small)["index.html"], "html.parser").select_one(".title").text == "07 First & last"


def test_a_lesson_is_read_from_its_notebook(small):
    lesson = read_lesson(small / "notebooks" / "00_first.ipynb")
    assert (lesson.called, lesson.title, lesson.length) == ("00 First", "First & last", "lab, about 5 min")
    assert lesson.sections == [Section("idea", "An idea", "2 min", False), Section("more", "More", "", True)]


def test_a_notebook_without_a_title_is_named(tmp_path):
    write_notebook(new_notebook(cells=[new_markdown_cell("Hello")]), tmp_path / "x.ipynb")
    with pytest.raises(CourseError, match=r"Expected .*x\.ipynb to begin with a title"):
        read_lesson(tmp_path / "x.ipynb")


@pytest.mark.parametrize(
    ("target", "leads_to"),
    [
        ("00_first.ipynb", "00_first.html"),
        ("../course_lib/code.py", "course_lib/code.py.html"),
        ("../data/README.md#counts", "data/README.md.html"),
        ("../data/", ""),
        ("../data/x.json", ""),
        ("../gone.md", ""),
        ("#An-idea", ""),
        ("https://arxiv.org/abs/1707.06347", "https://arxiv.org/abs/1707.06347"),
    ],
)
def test_links_of_a_notebook_lead_to_pages_or_nowhere(small, target, leads_to):
    assert Links(small).href(target, of="notebooks/00_first.ipynb") == leads_to


def test_a_page_in_a_folder_finds_its_way_back():
    assert address("notebooks/00_first.ipynb") == "00_first.html"
    assert relative("00_first.html", of="course_lib/training/code.py.html") == "../../00_first.html"


def test_the_site_is_replaced_as_a_whole(small, tmp_path):
    out = tmp_path / "site"
    write(build(small) | {"old.html": "old"}, out)
    write(build(small), out)
    assert not (out / "old.html").exists()
    assert (out / "course_lib" / "code.py.html").exists()
    assert [path.name for path in tmp_path.iterdir() if "site" in path.name] == ["site"]


def test_a_site_that_cannot_be_written_leaves_the_old_one(small, tmp_path):
    out = tmp_path / "site"
    pages = build(small)
    write(pages, out)
    with pytest.raises(OSError, match="File name too long"):
        write(pages | {"index.html": "new", "x" * 300: "fails"}, out)
    assert (out / "index.html").read_text(encoding="utf-8") == pages["index.html"]
    assert [path.name for path in tmp_path.iterdir() if "site" in path.name] == ["site"]


def test_a_folder_that_holds_something_else_is_not_replaced(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "index.html").write_text("my own page")
    with pytest.raises(CourseError, match="mine to be a site or not to exist, but it holds something else"):
        write({"index.html": ""}, tmp_path / "mine")
    assert (tmp_path / "mine" / "index.html").read_text() == "my own page"


def test_the_command_writes_the_site_and_tells_what_is_wrong(small, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(module, "build", lambda: build(small))
    assert main(["--out", str(tmp_path / "out")]) == 0
    assert re.search(r"4 pages, \d\.\d MB\. Open .*index\.html in a browser\.", capsys.readouterr().out)
    assert main(["--out", str(small / "data")]) == 2
    assert "holds something else" in capsys.readouterr().err
