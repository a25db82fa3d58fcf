"""The start of what students are given: it installs once, opens the lab, and needs neither make nor git."""

import re
import shutil
import subprocess
import sys

import pytest


def test_each_system_has_its_line_ends(course):
    bat = (course / "start.bat").read_bytes()
    assert bat.count(b"\r\n") == bat.count(b"\n") > 20
    assert all(ord(sign) < 128 for sign in bat.decode())
    for name in ("start.sh", "Makefile", "course_lib/__main__.py"):
        assert b"\r" not in (course / name).read_bytes()


def test_windows_and_the_others_install_the_same(course):
    lines = {name: re.sub(r"\s*\\\n\s*", " ", (course / name).read_text()) for name in ("start.sh", "start.bat")}
    for text in lines.values():
        assert "-m pip install --disable-pip-version-check" in text
        assert "-c constraints.txt" in text
        assert '-e ".[present,test]"' in text
        assert "-m course_lib.publish.lab" in text
    assert '--no-deps -c constraints.txt --index-url "$TORCH_INDEX" torch' in lines["start.sh"]
    assert 'if defined TORCH_INDEX %pip% --no-deps --index-url "%TORCH_INDEX%" torch' in lines["start.bat"]
    labels = re.findall(r"^:(\w+)", lines["start.bat"], re.MULTILINE)
    assert set(re.findall(r"(?:goto |call :)(\w+)", lines["start.bat"])) == set(labels)


def start(course, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """Run start.sh where no git and no make are found."""
    settings = {"PATH": "/nowhere", "HOME": str(course.parent), "OMP_NUM_THREADS": "1"} | environment
    command = [shutil.which("sh"), str(course / "start.sh"), *arguments]
    return subprocess.run(command, env=settings, capture_output=True, text=True, cwd=course.parent)


@pytest.fixture
def tools(tmp_path) -> str:
    """A path with no more on it than a shell script needs."""
    for name in ("dirname", "cat"):
        (tmp_path / name).symlink_to(shutil.which(name))
    return str(tmp_path)


@pytest.fixture
def installed(course):
    """As after the first start: .venv is there, and made in this folder."""
    (course / ".venv/bin").mkdir(parents=True)
    python = course / ".venv/bin/python"
    python.write_text(f'#!/bin/sh\necho "$@" >> "{course}/called"\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (course / ".venv/ready").write_text(f"{course}\n{(course / 'constraints.txt').read_text()}")
    yield course
    shutil.rmtree(course / ".venv")


@pytest.mark.skipif(sys.platform == "win32", reason="start.bat is for Windows")
class TestStart:
    def test_a_second_start_only_opens_the_lab(self, installed, tools):
        ran = start(installed, "lab", "--help", PATH=tools)
        assert ran.stdout.startswith("usage: python -m course_lib.publish.lab"), ran.stderr
        assert (installed / "called").read_text().splitlines()[-1] == "-m course_lib.publish.lab --help"

    def test_the_tests_that_came_with_it_pass_there(self, installed, tools):
        ran = start(installed, "test", "-q", "-x", "tests/training", "tests/equations/test_advantages.py", PATH=tools)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert re.search(r"^\d\d passed", ran.stdout.splitlines()[-1])

    def test_what_it_cannot_do_is_told(self, installed, tools):
        ran = start(installed, "slides", PATH=tools)
        assert ran.returncode == 2
        assert ran.stderr.startswith("Expected lab, test or run, but slides came; ")

    def test_without_a_python_it_says_what_to_install(self, installed, tools):
        (installed / ".venv/ready").write_text("/moved/from/here\n")
        ran = start(installed, PATH=tools)
        assert ran.returncode == 2
        assert ran.stderr.startswith("Expected Python 3.11, 3.12 or 3.13, but none of these is one: python3 ")

    @pytest.mark.parametrize(("was", "now"), [("rlhf", "moved"), ("torch==", "torch==1")], ids=["moved", "newer"])
    def test_what_was_moved_or_asks_for_other_versions_is_installed_anew_with_torch_first(
        self, installed, tools, tmp_path, was, now
    ):
        ready = installed / ".venv/ready"
        wanted = ready.read_text()
        ready.write_text(wanted.replace(was, now))
        assert ready.read_text() != wanted
        calls = tmp_path / "calls"
        for python in (tmp_path / "python 3", installed / ".venv/bin/python"):
            python.write_text(f'#!/bin/sh\necho "$@" >> "{calls}"\n')
            python.chmod(0o755)
        ran = start(installed, PATH=tools, PYTHON=str(tmp_path / "python 3"), TORCH_INDEX="https://index/cpu")
        assert ran.returncode == 0, ran.stderr
        assert [line.partition("version-check ")[2] or line for line in calls.read_text().splitlines()[1:]] == [
            "-m venv .venv",
            "--no-deps -c constraints.txt --index-url https://index/cpu torch",
            "-c constraints.txt -e .[present,test]",
            "-m course_lib.publish.lab",
        ]
        assert ready.read_text() == wanted
