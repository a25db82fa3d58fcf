"""What otter-grader and nbgrader are given: every exercise, a point each, and the check's own verdict."""

import doctest
import re

import pytest
from shared.notebooks import NOTEBOOKS

from course_lib.classroom.exercises import mine
from course_lib.publish.graders import nbgrader_source, otter_tests
from course_lib.publish.roles import exercises, role
from course_lib.publish.stored import read
from course_lib.publish.students import students_edition


@pytest.fixture(scope="module")
def notebooks() -> dict:
    return {path.name: read(path) for path in NOTEBOOKS}


@pytest.fixture(scope="module")
def tests(notebooks) -> dict[str, dict]:
    """Otter's tests by their paths, read as otter reads them."""
    found = {}
    for path, content in otter_tests(notebooks).items():
        names = {}
        exec(content, names)
        assert names["OK_FORMAT"] is True
        found[path] = names["test"]
    return found


def result(test: dict, **names: object) -> tuple[int, str]:
    """How many examples of a test fail with these names of a student's, and what it says, as otter runs it."""
    (suite,) = test["suites"]
    (case,) = suite["cases"]
    said = []
    parsed = doctest.DocTestParser().get_doctest(case["code"], names, test["name"], None, None)
    return doctest.DocTestRunner(verbose=False).run(parsed, out=said.append).failed, "".join(said)


def test_every_exercise_is_a_test_of_a_point_in_the_order_of_its_notebook(tests):
    asked = {number: [name for name in names] for number, names in mine.NOTEBOOKS.items()}
    for number, names in asked.items():
        paths = [path for path in tests if path.startswith(number)]
        assert paths == sorted(paths)
        assert [tests[path]["name"] for path in paths] == names
    library = [path for path in tests if path.startswith("my_rlhf/")]
    assert library == sorted(library)
    assert [tests[path]["name"] for path in library] == [name for names in asked.values() for name in names]
    assert {test["points"] for test in tests.values()} == {1}


def test_a_right_function_passes_and_a_wrong_one_is_told_its_mistake(tests):
    test = tests["01_reward_modeling/tests/01_preference_probability.py"]
    right = lambda chosen, rejected: (chosen - rejected).sigmoid()  # noqa: E731
    swapped = lambda chosen, rejected: (rejected - chosen).sigmoid()  # noqa: E731
    assert result(test, my_preference_probability=right) == (0, "")
    failed, said = result(test, my_preference_probability=swapped)
    assert failed == 1
    assert re.search(r"Got:\s+Not yet: ", said)
    assert result(test)[0] == 1, "a function that is missing"


@pytest.fixture(scope="module")
def assignment(notebooks):
    import nbformat

    source = nbgrader_source({"03_rlhf_pipeline.ipynb": notebooks["03_rlhf_pipeline.ipynb"]})
    (content,) = source.values()
    assert list(source) == ["source/03_rlhf_pipeline/03_rlhf_pipeline.ipynb"]
    return nbformat.reads(content.decode(), as_version=4)


def test_an_assignment_is_what_students_get_but_for_what_nbgrader_takes_away(assignment, notebooks):
    given = students_edition(notebooks["03_rlhf_pipeline.ipynb"])
    assert [cell.id for cell in assignment.cells] == [cell.id for cell in given.cells]
    for cell, same in zip(assignment.cells, given.cells, strict=True):
        source = re.sub(r"\n### BEGIN HIDDEN TESTS\n.*\n### END HIDDEN TESTS$", "", cell.source, flags=re.DOTALL)
        source = re.sub(r"    ### BEGIN SOLUTION\n(.*)\n    ### END SOLUTION", r"\1", source)
        assert source == same.source
        assert ("nbgrader" in cell.metadata) == (role(cell) in ("stub", "check")), cell.id


def test_each_function_has_a_place_to_be_written_and_a_point(assignment):
    cells = [cell for cell in assignment.cells if "nbgrader" in cell.metadata]
    marks = [cell.metadata.nbgrader for cell in cells]
    assert len({mark.grade_id for mark in marks}) == len(marks)
    assert sum(mark.get("points", 0) for mark in marks) == len(mine.NOTEBOOKS["03"])
    for cell, mark in zip(cells, marks, strict=True):
        solved = role(cell) == "stub"
        assert (mark.solution, mark.grade, mark.locked) == (solved, not solved, not solved), cell.id
        assert cell.source.count("BEGIN SOLUTION") == cell.source.count("def my_") * solved, cell.id


def test_the_value_of_a_check_is_how_many_functions_pass(assignment, notebooks):
    cells = {cell.id: cell.source for cell in assignment.cells}
    parts = exercises(notebooks["03_rlhf_pipeline.ipynb"])
    name = next(name for name, of in parts.items() if "check" in of and of["check"].source.count("check(my_") > 1)
    (solution,) = re.findall(r"```python\n(.*?)```", parts[name]["solution"].source, re.DOTALL)
    checked = cells[parts[name]["check"].id]
    *lines, last, end = checked.splitlines()
    assert end == "### END HIDDEN TESTS"
    count = solution.count("def my_")
    for code, mark in ((solution, count), (solution + "\nmy_k1 = lambda *given: 1 / 0", count - 1)):
        names = {"__name__": "students"}
        exec("\n".join([code, *lines]), names)
        assert eval(last, names) == mark
