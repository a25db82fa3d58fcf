"""The house: arrows between its rooms point one way, every file is used, and the tests stand in the same rooms."""

import ast
from pathlib import Path

import pytest
from shared.notebooks import NOTEBOOKS, ROOT, code_cells

from course_lib.publish.stored import read

HOUSE, TESTS = ROOT / "course_lib", ROOT / "tests"
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path.read_text(encoding="utf-8")
    for path in HOUSE.rglob("*.py")
    if path.name != "__init__.py"
}
CORE = {"equations", "training", "training/files"}
STUDENTS = CORE | {"training/relatives", "training/run", "training/experiments", "classroom"}
# room: the rooms that it may import from, beside itself
ARROWS = {
    "equations": set(),
    "training/files": set(),
    "training": CORE,
    "training/relatives": CORE,
    "training/run": CORE,
    "training/experiments": CORE | {"training/relatives"},
    "classroom": STUDENTS,
    "recipes": STUDENTS,
    "bench": STUDENTS,
    "publish": STUDENTS,
}
WITHOUT_A_ROOM = {"shared", "browser", "notebooks"}  # folders of tests


def imported(source: str) -> set[str]:
    """The modules that some code may mean by its imports: `from a import b` is `a` or `a.b`."""
    nodes = list(ast.walk(ast.parse(source)))
    plain = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    froms = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    return plain.union(*({node.module, *(f"{node.module}.{name.name}" for name in node.names)} for node in froms))


def room(module: str) -> str:
    """The room of a module: training.run is a room of its own, the parts of the classroom are not."""
    folder = "/".join(module.split(".")[1:-1])
    return folder if folder in ARROWS else folder.split("/")[0]


def of_notebooks() -> set[str]:
    cells = [cell.source for path in NOTEBOOKS for cell in code_cells(read(path))]
    return set().union(*map(imported, cells)) & FILES.keys()


@pytest.mark.parametrize("name", ARROWS)
def test_arrows_between_rooms_point_one_way(name):
    inside = {module: imported(source) & FILES.keys() for module, source in FILES.items() if room(module) == name}
    assert inside, "the room is empty"
    arrows = {(module, other) for module, others in inside.items() for other in others}
    assert not {arrow for arrow in arrows if room(arrow[1]) not in ARROWS[name] | {name}}


def test_plots_take_arrays_and_read_no_file():
    for module, source in FILES.items():
        if module.startswith("course_lib.classroom.plots."):
            assert not {"pathlib", "json"} & imported(source), module
            named = {name.split(".")[-1] for name in imported(source) if name.startswith("course_lib.")}
            assert not [name for name in named if name.startswith(("load_", "read_"))], module


def test_widgets_start_no_training():
    training = {"training.run", "training.relatives", "training.ppo", "training.fit", "training.setup"}
    for module, source in FILES.items():
        if module.startswith("course_lib.classroom.widgets."):
            wrong = [
                name
                for name in imported(source) & FILES.keys()
                if name.startswith(tuple(f"course_lib.{room}" for room in training))
            ]
            assert not wrong, module


def test_notebooks_import_what_students_read_and_touch():
    assert {room(module) for module in of_notebooks()} <= STUDENTS


def test_every_file_is_imported_by_another_or_by_a_notebook_or_is_a_command():
    used = set().union(*map(imported, FILES.values())) | of_notebooks()
    commands = {module for module, source in FILES.items() if '__name__ == "__main__"' in source}
    assert not FILES.keys() - used - commands


def imports_of_tests(folder: Path) -> dict[str, set[str]]:
    return {str(path.relative_to(TESTS)): imported(path.read_text(encoding="utf-8")) for path in folder.rglob("*.py")}


def test_tests_stand_in_the_rooms_of_the_house():
    for folder in {path.parent.relative_to(TESTS) for path in TESTS.rglob("test_*.py")}:
        assert (HOUSE / folder).is_dir() or folder.parts[0] in WITHOUT_A_ROOM, folder


@pytest.mark.parametrize("name", sorted({name.split("/")[0] for name in ARROWS}))
def test_the_tests_of_a_room_need_no_room_above_it(name):
    below = {other.split("/")[0] for other in ARROWS[name]} | {name, ""}  # course_lib.__main__ is in no room
    for path, modules in imports_of_tests(TESTS / name).items():
        assert {room(module).split("/")[0] for module in modules & FILES.keys()} <= below, path


def test_tests_import_no_other_test():
    for path, modules in imports_of_tests(TESTS).items():
        assert not [name for name in modules if name.split(".")[-1].startswith("test_")], path
