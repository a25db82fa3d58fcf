from importlib.metadata import PackageNotFoundError

import pytest

from course_lib.classroom import environment
from course_lib.classroom.environment import check_environment
from course_lib.training.files.errors import CourseError


def lines(capsys):
    check_environment()
    return capsys.readouterr().out.splitlines()


def test_all_is_well_but_that_a_test_is_no_notebook(capsys):
    told = lines(capsys)
    assert [line[:8].strip() for line in told] == ["OK", "OK", "OK", "TO DO"]
    assert "make lab" in told[-1]


def test_another_python(capsys, monkeypatch):
    monkeypatch.setattr(environment.sys, "version_info", (3, 10, 4))
    assert lines(capsys)[0].startswith("TO DO   Expected Python 3.11, 3.12 or 3.13, but this is ")


@pytest.mark.parametrize(
    ("found", "says"), [("6.31.0", "ipykernel is 6.31.0, not <7.4,>=7.2"), (None, "ipykernel is not there")]
)
def test_a_package_that_is_old_or_missing(capsys, monkeypatch, found, says):
    real_version = environment.version

    def version(name):
        if name != "ipykernel":
            return real_version(name)
        if found is None:
            raise PackageNotFoundError(name)
        return found

    monkeypatch.setattr(environment, "version", version)
    told = lines(capsys)[1]
    assert told.startswith("TO DO")
    assert says in told


def test_the_course_is_not_installed(capsys, monkeypatch):
    def requires(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(environment, "requires", requires)
    assert "make lab" in lines(capsys)[1]


def test_a_damaged_file(capsys, monkeypatch):
    def verify(path):
        if path.name == "film.jsonl":
            raise CourseError("Expected data/ratings/film.jsonl as it was; restore it.")

    monkeypatch.setattr(environment, "verify", verify)
    assert lines(capsys)[2] == "TO DO   Expected data/ratings/film.jsonl as it was; restore it."


def test_inside_a_notebook(capsys, monkeypatch):
    class Shell:
        kernel = object()

    monkeypatch.setattr(environment, "get_ipython", Shell)
    assert lines(capsys)[3].startswith("OK")
