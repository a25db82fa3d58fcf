"""Is everything there that the notebooks need? One line a thing: OK, or what to do."""

import sys
from importlib.metadata import PackageNotFoundError, requires, version

from IPython import get_ipython
from packaging.requirements import Requirement

from course_lib.training.files.checksums import read_checksums, verify
from course_lib.training.files.errors import CourseError
from course_lib.training.files.paths import DATA

TESTED_PYTHON = ((3, 11), (3, 12), (3, 13))
INSTALL = "run `make lab` in the course's folder, which installs it"


def check_environment() -> None:
    """Print one line for each thing that the notebooks need."""
    for check in (check_python, check_packages, check_data, check_widgets):
        try:
            print(f"OK      {check()}")
        except CourseError as error:
            print(f"TO DO   {error}")


def check_python() -> str:
    """Say that Python's version is one that the course knows, or raise CourseError."""
    if sys.version_info[:2] not in TESTED_PYTHON:
        raise CourseError(f"Expected Python 3.11, 3.12 or 3.13, but this is {sys.version.split()[0]}; install one.")
    return "Python: 3.11, 3.12 or 3.13"


def check_packages() -> str:
    """Say that every package that pyproject.toml asks for is installed, or raise CourseError."""
    try:
        needed = [requirement for requirement in map(Requirement, requires("rlhf-course")) if not requirement.marker]
    except PackageNotFoundError:
        raise CourseError(f"Expected the course as an installed package, but it is not; {INSTALL}.") from None
    if wrong := [came for requirement in needed if (came := what_is_wrong(requirement))]:
        raise CourseError(f"Expected the course's packages, but {', '.join(wrong)}; {INSTALL}.")
    return "packages: all that the course needs are installed"


def what_is_wrong(requirement: Requirement) -> str:
    """Say what is wrong with one package, or nothing."""
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return f"{requirement.name} is not there"
    fits = requirement.specifier.contains(found, prereleases=True)
    return "" if fits else f"{requirement.name} is {found}, not {requirement.specifier}"


def check_data() -> str:
    """Say that every file in data/ is as it was shipped, or raise CourseError."""
    for name in read_checksums():
        verify(DATA / name)
    return "data: ratings, models and recorded runs are as they were shipped"


def check_widgets() -> str:
    """Say that live widgets can run here, or raise CourseError."""
    if getattr(get_ipython(), "kernel", None) is None:
        raise CourseError("Expected a notebook, but this is none; open the notebook with `make lab`.")
    return "live widgets: this notebook has a kernel that runs them"
