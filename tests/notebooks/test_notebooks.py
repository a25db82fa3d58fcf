"""The form of the notebooks: what holds for each cell, output and section, whatever they teach."""

import ast
import re
import statistics
import subprocess

import pytest
from nbformat import NotebookNode
from shared.notebooks import NOTEBOOKS, ROOT, Section, code_cells, each_notebook, sections

from course_lib.classroom.predictions import prediction
from course_lib.publish.roles import heading, role
from course_lib.publish.stored import canonical, read, to_json
from course_lib.publish.terms import without_links

MINUTES = {"00_welcome": 2, "01_reward_modeling": 12, "02_clipped_ppo": 12, "03_rlhf_pipeline": 4}
# for working alone; their minutes are a guess and stand in the title
LABS = {"04_overoptimization": 60, "05_beyond_ppo": 60, "06_verifiable_rewards": 60}
each_lab = pytest.mark.parametrize(
    "path", [path for path in NOTEBOOKS if path.stem in LABS], ids=lambda path: path.stem
)
DISPLAYS = re.compile(r"print|show|display|watch|check_\w+|\w+_demo")


def presented(notebook: NotebookNode) -> list[Section]:
    """The sections with minutes; in a lab, which nobody presents, those that do not go deeper."""
    return [section for section in sections(notebook) if not section.heading.deeper]


def has_picture(cell: NotebookNode) -> bool:
    return any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))


def words(markdown: str) -> int:
    """Count the words of an idea, a formula in the line as one and one on its own line as none."""
    text = re.sub(r"\$\$.*?\$\$", " ", without_links(markdown), flags=re.DOTALL)
    text = re.sub(r"^#+ .*$|<[^>]+>", " ", text, flags=re.MULTILINE)
    text = re.sub(r"\$[^$]+\$", "formula", text)
    return len(re.findall(r"\w[\w’'.,-]*", text))


def test_words_are_counted_as_a_reader_counts_them():
    assert words("## A title (3 min)\n\nThe ratio $r = 1$ is the student’s.\n\n$$\nx = 1\n$$\n\nAnd on.") == 8


def output_texts(notebook: NotebookNode) -> list[str]:
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    datas = [output.get("data", {}) for output in outputs]
    shown = [text for data in datas for kind, text in data.items() if kind.startswith("text/")]
    return shown + [output.text for output in outputs if "text" in output]


def displays(source: str) -> bool:
    """Tell whether a cell's code shows something: a call that displays, or a value in its last line."""
    statements = [node.value for node in ast.parse(source).body if isinstance(node, ast.Expr)]
    calls = [node.func for node in statements if isinstance(node, ast.Call)]
    names = [func.id if isinstance(func, ast.Name) else getattr(func, "attr", "") for func in calls]
    last = ast.parse(source).body[-1]
    value_at_the_end = isinstance(last, ast.Expr) and isinstance(last.value, ast.Name | ast.Attribute)
    return value_at_the_end or any(DISPLAYS.fullmatch(name) for name in names)


def test_the_folder_has_the_notebooks_and_nothing_else():
    listed = subprocess.run(["git", "ls-files", "notebooks"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("git cannot tell which files belong to the course: this is not a clone")
    assert listed.stdout.split() == [f"notebooks/{name}.ipynb" for name in [*MINUTES, *LABS]]


def test_the_course_takes_half_an_hour():
    assert sum(heading(read(path).cells[0]).minutes for path in NOTEBOOKS if path.stem in MINUTES) == 30


@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if path.stem in MINUTES], ids=lambda path: path.stem)
def test_the_minutes_add_up(path):
    notebook = read(path)
    title = heading(notebook.cells[0])
    assert title.length == f"{title.minutes} min"
    assert title.minutes == MINUTES[path.stem] == sum(section.heading.minutes for section in presented(notebook))
    for section in sections(notebook):
        assert bool(section.heading.minutes) != section.heading.deeper, section.heading.title


@each_lab
def test_a_lab_says_how_long_it_takes_and_counts_no_minutes(path):
    notebook = read(path)
    assert heading(notebook.cells[0]).length == f"lab, about {LABS[path.stem]} min"
    assert not [section.heading.title for section in sections(notebook) if section.heading.minutes]


@each_notebook
def test_the_file_is_in_canonical_form(path):
    assert path.read_text(encoding="utf-8") == to_json(canonical(read(path))), "run: make notebooks"


@each_notebook
def test_cells_have_short_names_of_their_own(path):
    names = [cell.id for cell in read(path).cells]
    assert len(set(names)) == len(names)
    for name in names:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name), name
        assert not re.fullmatch(r"[0-9a-f]{8}", name), f"{name} was made up by an editor"


@each_notebook
def test_code_cells_are_short(path):
    lengths = {cell.id: len(cell.source.splitlines()) for cell in code_cells(read(path))}
    assert statistics.median(lengths.values()) <= 5, lengths
    *others, loop = sorted(lengths.values())  # a notebook may show one core loop whole
    assert max(others) <= 15, lengths
    assert loop <= 25, lengths


@each_notebook
def test_code_cells_install_and_fetch_nothing(path):
    for cell in code_cells(read(path)):
        assert not re.search(r"^\s*[!%]|\bpip\b|https?:", cell.source, flags=re.MULTILINE), cell.id


@each_notebook
def test_every_cell_was_run_in_order_and_none_failed(path):
    cells = code_cells(read(path))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1)), "run: make notebooks"
    for cell in cells:
        assert not [output for output in cell.outputs if output.output_type == "error"], cell.id
        assert not [output for output in cell.outputs if output.get("name") == "stderr"], cell.id
        assert cell.outputs or not displays(cell.source), f"{cell.id} has lost its outputs; run: make notebooks"


@each_notebook
def test_outputs_name_no_folder_of_the_machine(path):
    for text in output_texts(read(path)):
        assert not re.search(r"(?<![\w.<])/(home|root|tmp|usr|opt|mnt|var|work|Users)/|[A-Z]:\\", text), text
        assert str(ROOT) not in text
        assert " at 0x" not in text, text


@each_notebook
def test_words_stand_beside_each_picture(path):
    for cell in code_cells(read(path)):
        for data in (output.get("data", {}) for output in cell.outputs):
            assert "image/svg+xml" not in data, cell.id
            if "image/png" in data:
                said = data.get("text/plain", "")
                assert re.search(r"\w+ \w+ .*[.?!]$", said, flags=re.DOTALL), f"{cell.id}: not a sentence: {said!r}"
            for image in re.findall(r"<img[^>]*>", data.get("text/html", "")):
                assert re.search(r'alt="[^"]+"', image), cell.id


@each_notebook
def test_a_prediction_comes_before_what_answers_it_and_has_three_options(path):
    for section in presented(read(path)):
        pictures = [i for i, cell in enumerate(section.cells) if has_picture(cell)]
        predictions = [i for i, cell in enumerate(section.cells) if role(cell) == "prediction"]
        answers = [i for i, cell in enumerate(section.cells) if role(cell) == "answer"]
        if predictions and pictures:
            assert predictions[0] < pictures[-1] < answers[-1], section.heading.title
        for at in predictions:
            assert len(prediction(section.cells[at].id).options) >= 3, section.heading.title


@each_lab
def test_in_a_lab_no_picture_is_seen_before_its_prediction(path):
    for section in presented(read(path)):
        pictures = [i for i, cell in enumerate(section.cells) if has_picture(cell)]
        predictions = [i for i, cell in enumerate(section.cells) if role(cell) == "prediction"]
        if pictures:
            assert predictions, f"no prediction before the picture of: {section.heading.title}"
            assert predictions[0] < pictures[0], section.heading.title


@each_notebook
def test_the_idea_before_a_prediction_is_short(path):
    for section in presented(read(path)):
        predictions = [i for i, cell in enumerate(section.cells) if role(cell) == "prediction"]
        before = section.cells[: predictions[0]] if predictions else []
        idea = " ".join(cell.source for cell in before if cell.cell_type == "markdown")
        assert words(idea) <= 80, f"{section.heading.title}: {words(idea)} words"


@each_notebook
def test_details_are_closed_and_have_a_summary(path):
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            opened, closed = cell.source.count("<details>"), cell.source.count("</details>")
            assert opened == closed == cell.source.count("<summary>"), cell.id
            # without an empty line, markdown in the folded part stays unformatted
            assert opened == len(re.findall(r"</summary>\n\n", cell.source)), cell.id


@each_notebook
def test_links_lead_somewhere(path):
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            for target in re.findall(r"\]\((?!https?://|#)([^)#\s]+)", cell.source):
                assert (path.parent / target).exists(), f"{cell.id} links to {target}"


@each_notebook
def test_the_first_code_cell_but_for_a_question_sets_the_style(path):
    first = next(cell for cell in code_cells(read(path)) if role(cell) != "prediction")
    assert "use_style()" in first.source
