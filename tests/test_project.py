"""What holds for the project as a whole: its rooms, its versions, its first commands."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from shared.pins import pins

from course_lib import __version__

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "course_lib").rglob("*.py"))
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8"))
CPU = "https://download.pytorch.org/whl/cpu"  # PyTorch's builds without CUDA
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_importing_the_package_costs_nothing():
    heavy = "{'torch', 'transformers', 'numpy', 'matplotlib'}"
    code = f"import course_lib, sys; print(sorted({heavy} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


@pytest.mark.parametrize(("given", "found"), [({}, "passive"), ({"OMP_WAIT_POLICY": "active"}, "active")])
def test_the_threads_of_torch_sleep_while_they_wait_unless_told_otherwise(given, found):
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"} | given
    code = "import course_lib, os; print(os.environ['OMP_WAIT_POLICY'])"
    ran = subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert ran.stdout == f"{found}\n"


def test_nothing_is_ever_unpickled():
    for path in SOURCES:
        assert not re.search(r"\bpickle\b|torch\.load\(|joblib|weights_only=False", path.read_text()), path


def requirements() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"].values()
    return [Requirement(line) for line in [*PROJECT["dependencies"], *(line for extra in extras for line in extra)]]


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_every_dependency_has_a_tested_version_within_its_range(requirement):
    assert pins()[canonicalize_name(requirement.name)] in requirement.specifier


def test_torch_is_pinned_without_a_build_so_that_it_installs_everywhere():
    assert re.fullmatch(r"[\d.]+", pins()["torch"])


def test_the_conda_environment_repeats_no_version():
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    python, *others = dependencies
    name, version = python.split("=")
    assert name == "python"
    assert version in SpecifierSet(PROJECT["requires-python"])
    assert others == ["pip", {"pip": [f"--extra-index-url {CPU}", "-c constraints.txt", "-e .[present,test]"]}]


@pytest.mark.skipif(not shutil.which("make"), reason="no make on this system")
@pytest.mark.parametrize("version", ["3.10.9", "3.14.0"])
def test_make_refuses_other_pythons_in_one_sentence(tmp_path, version):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / "python"
    major_minor = version.split(".")[:2]
    python.write_text(
        f'#!/bin/sh\ncase "$1" in --version) echo "Python {version}";;\n'
        f'*) exec "{sys.executable}" -c "import sys; sys.version_info = ({", ".join(major_minor)}, 0); $2";; esac\n'
    )
    python.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    ran = subprocess.run(
        ["make", "test", f"PYTHON={python}"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 2
    assert f"Expected Python 3.11, 3.12 or 3.13, but {python} is Python {version}; install one" in ran.stderr
    assert not (tmp_path / ".venv").exists()


def targets() -> set[str]:
    return set(re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)[0].split())


def test_the_readme_names_commands_that_exist():
    readme = (ROOT / "README.md").read_text()
    named = set(re.findall(r"(?:^    |`)make ([a-z]+)", readme, flags=re.MULTILINE))
    assert {"run", "test", "lab"} <= named <= targets()
    for path in re.findall(r"\]\((?!http)([^)#]+)\)", readme):
        assert (ROOT / path).exists(), f"README.md links to {path}"


def test_ci_is_the_readme_s_test_command():
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert "\nmake test\n" in (ROOT / ".ci" / "run").read_text()


def test_the_workflow_names_only_what_exists():
    steps = [(job, step) for job in WORKFLOW["jobs"].values() for step in job["steps"]]
    commands = [(job, step["run"]) for job, step in steps if "run" in step]
    for job, command in commands:
        if command != ".ci/run":
            make, target = command.split(maxsplit=1)
            assert make == "make"
            assert target == "${{ matrix.versions }}"
            assert set(job["strategy"]["matrix"]["versions"]) == {"newest", "lowest"} <= targets()
    assert [command for _, command in commands].count(".ci/run") == 1
    for _, step in steps:
        assert (ROOT / step.get("with", {}).get("cache-dependency-path", "README.md")).is_file()


def test_the_workflow_runs_on_three_systems_each_week_and_without_cuda():
    assert WORKFLOW["env"]["TORCH_INDEX"] == CPU
    systems = WORKFLOW["jobs"]["tests"]["strategy"]["matrix"]["os"]
    assert {system.partition("-")[0] for system in systems} == {"ubuntu", "macos", "windows"}
    assert [len(entry["cron"].split()) for entry in WORKFLOW[True]["schedule"]] == [5]  # YAML reads `on` as true


def test_the_citation_is_of_this_version_and_licence():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()  # what the format requires
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == __version__
    assert citation["license"] == "MIT"
    assert f"\n## {__version__}," in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for author in [*citation["authors"], *citation["references"][0]["authors"]]:
        assert author.keys() in ({"name"}, {"family-names", "given-names"})


def test_issue_forms_ask_each_thing_once():
    for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml"):
        form = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert {"name", "description", "body"} <= form.keys()
        names = [field["id"] for field in form["body"]]
        assert len(names) == len(set(names))
        assert all(field["attributes"]["label"] for field in form["body"])
