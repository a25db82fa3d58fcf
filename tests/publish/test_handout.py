"""What students are given: no solution, answer, note or output in it, and it works where there is no git."""

import io
import json
import re
import subprocess
import sys
import zipfile

import pytest
from shared.notebooks import NOTEBOOKS, ROOT

from course_lib.classroom import predictions as module
from course_lib.classroom.predictions import predictions, seal
from course_lib.publish import handout
from course_lib.publish.handout import NAME, build, main, pack
from course_lib.publish.lab import CONFIG
from course_lib.publish.results.handed_in import WANTED
from course_lib.publish.roles import answers, exercises, question, role
from course_lib.publish.stored import read
from course_lib.publish.students import students_edition
from course_lib.training.files.errors import CourseError

BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def texts(course) -> dict[str, str]:
    """All that can be read in it as text, without the data."""
    paths = [path for path in course.rglob("*") if path.is_file() and "data" not in path.relative_to(course).parts]
    return {
        path.relative_to(course).as_posix(): path.read_text(encoding="utf-8")
        for path in paths
        if path.suffix != ".sealed"
    }


def given(course) -> list:
    return [cell for path in sorted((course / "notebooks").glob("*.ipynb")) for cell in read(path).cells]


def of_teachers() -> list:
    return [cell for path in NOTEBOOKS for cell in read(path).cells]


def in_json(text: str) -> str:
    """A text as it stands in a notebook's file, from line to line."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def test_no_solution_is_in_it(texts):
    solutions = [cell.source for cell in of_teachers() if role(cell) == "solution"]
    blocks = [block for source in solutions for block in BLOCK.findall(source)]
    assert len(blocks) > 30
    for block in blocks:
        assert not [name for name, text in texts.items() if block in text or in_json(block) in text], block
    others = "\n".join(cell.source for cell in of_teachers() if role(cell) not in ("solution", "answer"))
    lines = [line.strip() for source in solutions for line in source.splitlines()]
    for line in (line for line in lines if len(line) > 20 and line not in others):
        assert not [name for name in texts if name.endswith(".ipynb") and in_json(line) in texts[name]], line


def test_no_cell_sends_a_student_to_a_solution(course):
    assert not [cell.source for cell in given(course) if "the solution" in cell.source and role(cell) == "task"]


def test_a_student_is_told_to_hand_in_what_the_teacher_s_command_reads(texts):
    asked = texts["README.md"].partition("**Hand in**")[2].partition("\n- ")[0]
    assert "`my_notebooks`" in asked
    assert all(f"`{name}`" in asked for name in WANTED)


def test_no_answer_can_be_read_in_it(texts):
    for cell in (cell for cell in of_teachers() if role(cell) in ("answer", "quiz")):
        for line in cell.source.partition("</summary>")[2].splitlines():
            if len(line) > 40 and not line.startswith(("[", "<")):
                assert not [name for name, text in texts.items() if in_json(line) in text], (cell.id, line)
    for name, text in texts.items():
        assert not name.endswith("predictions.toml")
        assert not re.search(r'^right = "[a-c]"$|"answer": "[a-c]"|"\([a-c]\)[.,]', text, re.MULTILINE), name


def test_what_keeps_the_answers_is_not_read_by_accident(course):
    sealed = (course / "course_lib/classroom/predictions.sealed").read_bytes()
    assert b"right" not in sealed
    assert not [name for name in predictions() if name.encode() in sealed]


def test_notebooks_have_no_outputs_no_notes_and_no_roles_that_tell(course):
    cells = given(course)
    assert {role(cell) for cell in cells} == {"", "prediction", "reveal", "task", "stub", "check"}
    for cell in cells:
        assert not {"notes", "slideshow"} & set(cell.metadata), cell.id
        assert not {"answer", "options", "question"} & set(cell.metadata.get("course", {})), cell.id
        assert not cell.get("outputs"), cell.id
        assert cell.get("execution_count") is None


def test_all_else_of_a_notebook_is_as_the_teacher_has_it(course):
    for path in NOTEBOOKS:
        kept = [cell for cell in read(path).cells if role(cell) not in ("answer", "solution", "quiz")]
        found = {cell.id: cell for cell in read(course / "notebooks" / path.name).cells}
        assert [found[cell.id].source for cell in kept] == [cell.source for cell in kept]
        quizzes = sum(role(cell) == "quiz" for cell in read(path).cells)
        assert len(found) == len(kept) + 2 * quizzes


def test_the_course_s_own_notebooks_are_left_alone():
    notebook = read(NOTEBOOKS[3])
    students_edition(notebook)
    assert notebook == read(NOTEBOOKS[3])


def test_the_same_course_gives_the_same_bytes(packed):
    assert pack(build()) == packed


def test_no_folder_of_this_machine_no_git_and_nothing_compiled_is_in_it(packed):
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        for name in archive.namelist():
            assert not re.search(r"/\.|__pycache__|\.pyc$|egg-info|\.tmp$", name), name
            assert str(ROOT).encode() not in archive.read(name), name
        rights = {info.filename: info.external_attr >> 16 for info in archive.infolist()}
    assert [name for name, mode in rights.items() if mode & 0o111] == [f"{NAME}/start.sh"]


def inside(course, code: str) -> list[str]:
    """Run some code as a cell of a notebook there runs, and return what it prints, line by line."""
    (course / "my_notebooks").mkdir(exist_ok=True)
    here = f"import sys; sys.path.insert(0, {str(course)!r}); import course_lib"
    code = f"{here}\nassert course_lib.__file__.startswith({str(course)!r})\n{code}"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=course / "my_notebooks", capture_output=True, text=True, encoding="utf-8"
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def test_the_lab_lays_the_notebooks_out_there(course):
    opened = "from course_lib.publish import lab; lab.LabApp.launch_instance = print; lab.main([])"
    assert "'--LabApp.default_url=/lab/tree/my_notebooks'" in inside(course, opened)[-1]
    assert [path.name for path in sorted((course / "my_notebooks").glob("*.ipynb"))] == [
        path.name for path in NOTEBOOKS
    ]
    assert (course / CONFIG.relative_to(ROOT) / "labconfig/default_setting_overrides.json").is_file()


def test_a_solution_passes_its_check_there_and_a_mistake_is_named(course):
    parts = exercises(read(NOTEBOOKS[2]))["clipped_objective"]
    (solution,) = BLOCK.findall(parts["solution"].source)
    code = "from course_lib.classroom.exercises.check import told\n{}\nprint(told(my_clipped_objective))"
    assert inside(course, code.format(solution))[0].startswith("Passed: ")
    wrong = "def my_clipped_objective(ratio, advantages, *, clip_eps):\n    return ratio * advantages"
    assert inside(course, code.format(wrong))[0].startswith("Not yet: ")
    assert inside(course, code.format(parts["stub"].source))[0].startswith("Not attempted yet")


def test_reveal_tells_there_what_is_right_and_why_once_something_was_chosen(course):
    lines = inside(
        course,
        "from pathlib import Path\n"
        "from course_lib.classroom.widgets.predict import Predict, reveal\n"
        "for name in ('clip-predict', 'quiz-3'):\n"
        "    path = Path(name)\n"
        "    assert 'You have not chosen yet' in reveal(name, path).value\n"
        "    asked = Predict(name, path)\n"
        "    print(asked.children[0].outputs[0]['data']['text/markdown'].split()[0])\n"
        "    asked.buttons['c'].click()\n"
        "    verdict, reason = reveal(name, path).children\n"
        "    print(verdict.value.replace('\\n', ' '))\n"
        "    print(reason.outputs[0]['data']['text/markdown'].replace('\\n', ' '))\n",
    )
    assert lines[0] == "**Predict.**"
    assert "it did not come true. Right is (b) “No: the objective still pushes it back”; the " in lines[1]
    assert "; the reason is below." in lines[1]
    assert lines[2].startswith("(b). ")
    assert lines[3] == "**3.**"
    assert "that is right. The reason is below." in lines[4]
    assert "**(c) No: the objective is −1.5, and the gradient pulls the ratio back.** Yes: a bad token" in lines[5]
    assert "details>" not in lines[2] + lines[5]


def test_every_question_is_sealed_as_it_is_asked_with_its_reason(monkeypatch, tmp_path):
    files = build()
    sealed = tmp_path / "predictions.sealed"
    sealed.write_bytes(files["course_lib/classroom/predictions.sealed"])
    own = predictions()
    monkeypatch.setattr(module, "FILE", tmp_path / "predictions.toml")
    monkeypatch.setattr(module, "SEALED", sealed)
    found = predictions.__wrapped__()
    quizzes = {cell.id: question(cell) for cell in of_teachers() if role(cell) == "quiz"}
    assert found.keys() == own.keys() | quizzes.keys()
    for name, asked in found.items():
        same = (own | quizzes)[name]
        assert (asked.asked, asked.options, asked.right) == (same.asked, same.options, same.right)
        assert asked.why
    cells = {cell.id: cell for cell in of_teachers()}
    for path in NOTEBOOKS:
        for name, answer in answers(read(path)).items():
            assert all(line in cells[answer].source for line in found[name].why.splitlines())


def test_a_damaged_sealed_file_is_told(tmp_path):
    sealed = tmp_path / "predictions.sealed"
    sealed.write_bytes(seal({"a": {}})[:-3])
    with pytest.raises(CourseError, match=r"predictions\.sealed as it was given out, but it is damaged; unpack"):
        module.unseal(sealed)


def test_the_command_writes_the_zip_and_says_its_size(tmp_path, monkeypatch, capsys, packed):
    monkeypatch.setattr(handout, "build", lambda: {"start.sh": b"x\n"})
    assert main(["--out", str(tmp_path / "out"), "--otter", "--nbgrader"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"{tmp_path / 'out' / NAME}.zip: 0.0 MB, 1 files of 0.0 MB."
    assert zipfile.ZipFile(tmp_path / "out" / f"{NAME}.zip").namelist() == [f"{NAME}/start.sh"]
    assert (tmp_path / "out/otter/02_clipped_ppo/tests/04_gae.py").is_file()
    assert (tmp_path / "out/nbgrader/source/02_clipped_ppo/02_clipped_ppo.ipynb").is_file()
