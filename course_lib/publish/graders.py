"""The exercises for the tools that grade: tests for otter-grader, and the source of assignments for nbgrader.

Both ask the course's own checks, which must be installed where they grade. A function that passes is worth a point.
"""

import re

from nbformat import NotebookNode

from course_lib.publish.roles import course, exercises, role
from course_lib.publish.stored import to_json
from course_lib.publish.students import students_edition

CHECKED = re.compile(r"^check\(my_(\w+)\)$", re.MULTILINE)
# the verdict itself is compared, so that a failed test shows which mistake the check saw
OTTER = '''OK_FORMAT = True

test = {{
    "name": "{name}",
    "points": 1,
    "suites": [
        {{
            "type": "doctest",
            "cases": [
                {{
                    "hidden": False,
                    "code": """
>>> from course_lib.classroom.exercises.check import KNOWN, verdict_of
>>> print(verdict_of(KNOWN["{name}"], my_{name}))  # doctest: +ELLIPSIS
Passed: ...
""",
                }}
            ],
        }}
    ],
}}
'''
# in the teacher's notebook alone: the value of the cell, how many functions pass, is its mark
NBGRADER = """
### BEGIN HIDDEN TESTS
from course_lib.classroom.exercises.check import KNOWN, verdict_of

written = {{{functions}}}
sum(verdict_of(KNOWN[name], function).startswith("Passed") for name, function in written.items())
### END HIDDEN TESTS
"""
GRADED = {"schema_version": 3, "cell_type": "code", "task": False}


def otter_tests(notebooks: dict[str, NotebookNode]) -> dict[str, bytes]:
    """Return otter's tests by their paths: those of each notebook, and all of them for a student's `my_rlhf.py`."""
    files = {}
    for path, notebook in notebooks.items():
        for name in exercise_names(notebook):
            content = OTTER.format(name=name).encode()
            for folder in (path.removesuffix(".ipynb"), "my_rlhf"):
                before = sum(other.startswith(f"{folder}/") for other in files)
                files[f"{folder}/tests/{before + 1:02}_{name}.py"] = content
    return files


def exercise_names(notebook: NotebookNode) -> list[str]:
    """Return the names of the functions that a notebook checks, in their order."""
    checks = [parts["check"].source for parts in exercises(notebook).values() if "check" in parts]
    return [name for source in checks for name in CHECKED.findall(source)]


def nbgrader_source(notebooks: dict[str, NotebookNode]) -> dict[str, bytes]:
    """Return the assignments of nbgrader's folder `source` by their paths, one for each notebook with exercises."""
    return {
        f"source/{path.removesuffix('.ipynb')}/{path}": to_json(graded(notebook)).encode()
        for path, notebook in notebooks.items()
        if exercise_names(notebook)
    }


def graded(notebook: NotebookNode) -> NotebookNode:
    """Return the students' edition with what nbgrader has to know: where they write, and what gives marks."""
    notebook = students_edition(notebook)
    for cell in notebook.cells:
        if role(cell) == "stub":
            begin, end = "    ### BEGIN SOLUTION\n", "\n    ### END SOLUTION"
            cell.source = re.sub(r"^    raise NotImplementedError$", rf"{begin}\g<0>{end}", cell.source, flags=re.M)
            cell.metadata["nbgrader"] = GRADED | {"grade": False, "solution": True, "locked": False}
        elif role(cell) == "check":
            names = CHECKED.findall(cell.source)
            cell.source += NBGRADER.format(functions=", ".join(f'"{name}": my_{name}' for name in names)).rstrip("\n")
            marks = {"grade": True, "solution": False, "locked": True, "points": len(names)}
            cell.metadata["nbgrader"] = GRADED | marks
        if "nbgrader" in cell.metadata:
            cell.metadata["nbgrader"]["grade_id"] = f"{course(cell).exercise}-{role(cell)}"
    return notebook
