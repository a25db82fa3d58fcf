"""Every pin of constraints.txt installs on every Python and system that README.md promises."""

import json
import tomllib

import pytest
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from shared.pins import ONE_SYSTEM, PYTHONS, RECORD, ROOT, SYSTEMS, pins, tags

ANSWERS = json.loads(RECORD.read_text(encoding="utf-8"))


def fits(answer: dict, python: str, system: str) -> bool:
    """Tell whether a release allows a Python, and has a wheel for it and a system."""
    wheels = {Tag(*wheel.split("-")) for wheel in answer["wheels"]}
    return python in SpecifierSet(answer["requires_python"]) and bool(wheels & tags(python, SYSTEMS[system]))


def test_what_pip_said_was_said_of_these_pins():
    recorded = {name: answer["version"] for name, answer in ANSWERS.items()}
    assert recorded == pins(), "constraints.txt has changed: make pins"


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_every_pin_installs(python, system):
    asked = {name: answer for name, answer in ANSWERS.items() if ONE_SYSTEM.get(name, system) == system}
    assert [name for name, answer in asked.items() if not fits(answer, python, system)] == []


def test_a_release_that_leaves_a_promise_out_is_seen():
    linux, mac = "Linux on x86-64", "macOS 14 on Apple silicon"
    assert not fits({"requires_python": ">=3.11.5", "wheels": ["py3-none-any"]}, "3.11.0", linux)  # soupsieve 4.1.2
    assert fits({"requires_python": ">=3.9", "wheels": ["cp38-abi3-manylinux_2_17_x86_64"]}, "3.11.0", linux)
    for wheel in ("cp312-cp312-manylinux_2_28_x86_64", "cp311-cp311-manylinux_2_34_x86_64", "cp311-cp311-win_amd64"):
        assert not fits({"requires_python": "", "wheels": [wheel]}, "3.11.0", linux)
    assert not fits({"requires_python": "", "wheels": ["cp312-cp312-macosx_15_0_arm64"]}, "3.12.0", mac)


def test_the_readme_promises_what_was_asked_about():
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    older, newer = (SpecifierSet(project["requires-python"]).contains(python) for python in ("3.10.99", "3.14.0"))
    assert "Python 3.11, 3.12 or 3.13" in readme
    assert PYTHONS == ("3.11.0", "3.12.0", "3.13.0")
    assert not older
    assert not newer
    for system in SYSTEMS:
        assert system in readme
