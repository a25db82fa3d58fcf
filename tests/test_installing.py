"""Every way to install the course takes the same packages, and torch from TORCH_INDEX where that is set."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CPU = "https://download.pytorch.org/whl/cpu"  # PyTorch's builds without CUDA
README = (ROOT / "README.md").read_text(encoding="utf-8")
PACKAGES = ["-c", "constraints.txt", "-e", ".[present,test]"]
TORCH_FIRST = ["--no-deps", "-c", "constraints.txt", "--index-url", CPU, "torch"]
DOCKERFILE = (ROOT / ".devcontainer" / "Dockerfile").read_text(encoding="utf-8")
needs_make = pytest.mark.skipif(
    not shutil.which("make") or sys.platform == "win32", reason="no make that starts a script in a Python's place"
)


@pytest.fixture
def installed(tmp_path):
    """Run `make install` with a Python that only notes what it is asked, and tell what pip would be."""

    def install(**variables: str) -> list[list[str]]:
        for name in ("Makefile", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, tmp_path)
        asked, python = tmp_path / "asked", tmp_path / "python"
        python.write_text(
            f'#!{sys.executable}\nimport json, os, shutil, sys\nwith open({str(asked)!r}, "a") as file:\n'
            '    print(json.dumps(sys.argv[1:]), file=file)\nif sys.argv[1:] == ["-m", "venv", ".venv"]:\n'
            '    os.makedirs(".venv/bin")\n    shutil.copy(__file__, ".venv/bin/python")\n'
        )
        python.chmod(0o755)
        without = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "TORCH_INDEX"))}
        subprocess.run(
            ["make", "install", f"PYTHON={python}"], cwd=tmp_path, env=without | variables, check=True, text=True
        )
        lines = [json.loads(line) for line in asked.read_text().splitlines()]
        pip = ["-m", "pip", "install", "--disable-pip-version-check"]
        return [line[len(pip) :] for line in lines if line[: len(pip)] == pip]

    return install


@needs_make
def test_make_takes_torch_from_the_index_that_is_named_and_all_else_as_ever(installed):
    assert installed(TORCH_INDEX=CPU) == [TORCH_FIRST, PACKAGES]


@needs_make
@pytest.mark.parametrize("variables", [{}, {"TORCH_INDEX": ""}], ids=str)
def test_nothing_changes_where_no_index_is_named(installed, variables):
    assert installed(**variables) == [PACKAGES]


@pytest.fixture
def index(tmp_path):
    """Serve an index that has one small wheel, of torch 2.13.0 without CUDA; give its address and what was asked."""
    folder = tmp_path / "index" / "torch"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "torch-2.13.0+cpu-py3-none-any.whl", "w") as wheel:
        info = "torch-2.13.0+cpu.dist-info"
        wheel.writestr("torch/__init__.py", "")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: torch\nVersion: 2.13.0+cpu\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    asked = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_) -> None:
            asked.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder.parent))
    threading.Thread(target=server.serve_forever).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_pip_asks_the_index_that_is_named_and_takes_its_build_of_the_pinned_version(index, tmp_path):
    pytest.importorskip("pip", reason="this environment has no pip, as uv makes them")
    address, asked = index
    where = ["--target", str(tmp_path / "site"), "--isolated", "--disable-pip-version-check"]
    options = [address if word == CPU else word for word in TORCH_FIRST]
    environment = os.environ | {"PIP_CONFIG_FILE": os.devnull}
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *where, *options], cwd=ROOT, env=environment, check=True, text=True
    )
    assert asked == ["/torch/", "/torch/torch-2.13.0%2Bcpu-py3-none-any.whl"]
    assert (tmp_path / "site" / "torch-2.13.0+cpu.dist-info").is_dir()


def table_of(part: str) -> dict[str, list[str]]:
    """The commands of each row of the first table in a section of the README, by what stands in its first column."""
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", README.partition(f"\n## {part}\n")[2].partition("\n## ")[0], re.M)
    return {name: re.findall(r"`([^`]+)`", cell) for name, cell in rows}


def test_uv_and_pip_take_in_the_readme_what_make_takes():
    table = table_of("Without make")
    (uv,) = table["[uv](https://docs.astral.sh/uv/)"]
    assert shlex.split(uv) == ["uv", "venv", "&&", "uv", "pip", "install", *PACKAGES]
    assert shlex.split(table["pip"][1])[1:] == ["-m", "pip", "install", *PACKAGES]


def test_the_readme_gives_the_line_for_torch_without_cuda():
    assert f"    export TORCH_INDEX={CPU}\n" in README.partition("\n## Start\n")[2].partition("\n## ")[0]
    assert shlex.join(TORCH_FIRST) in README.partition("\n## Without make\n")[2]


def test_each_start_script_passes_the_index():
    for path in [path for path in ROOT.glob("start*") if path.is_file()]:
        script = path.read_text(encoding="utf-8")
        assert "make install" in script or all(
            part in script for part in ("TORCH_INDEX", "--no-deps -c constraints.txt --index-url")
        ), path.name


def test_the_container_installs_by_make_without_cuda_and_not_as_root():
    system, course = DOCKERFILE.split("\nFROM ")[1:]
    assert f"\nARG TORCH_INDEX={CPU}\nENV TORCH_INDEX=$TORCH_INDEX\n" in system
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.M) == ["student"]
    assert DOCKERFILE.index("\nUSER student") < DOCKERFILE.index("make install")
    for line in re.findall(r"docker (?:build|run) [^`\n]*", DOCKERFILE):
        assert line in README, line
    command = json.loads(course.partition("\nCMD ")[2])
    assert command[:2] == ["make", "lab"]


def test_the_dev_container_is_the_first_half_of_the_dockerfile():
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    build = container["build"]
    assert (ROOT / ".devcontainer" / build["dockerfile"]).is_file()
    assert re.search(rf"^FROM \S+ AS {build['target']}$", DOCKERFILE, re.M)
    assert container["remoteUser"] in re.findall(r"^USER (.*)$", DOCKERFILE, re.M)
    make, code = container["updateContentCommand"].split(" && ")
    assert make == "make install"
    statement = shlex.split(code)[2].partition(";")[0]
    subprocess.run([sys.executable, "-c", statement], cwd=ROOT, check=True)


def test_an_image_holds_nothing_that_git_ignores():
    def names(file: str) -> set[str]:
        lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
        return {line.removeprefix("**/").strip("/") for line in lines if line and not line.startswith("#")}

    lasting = {name for name in names(".gitignore") if not name.startswith(".my_rlhf") and not name.endswith(".tmp")}
    assert lasting <= names(".dockerignore")
