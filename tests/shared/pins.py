"""The pins of constraints.txt, and the Pythons and systems that they install on.

`make pins` asks pip about each pin and records the answers in `pins.json`, which the tests read: they
have no network.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).parents[2]
RECORD = Path(__file__).with_suffix(".json")
PYTHONS = ("3.11.0", "3.12.0", "3.13.0")  # the oldest of each that README promises


def manylinux(machine: str) -> list[str]:
    """The names of Linux with glibc 2.28, as Debian 10 and RHEL 8 have it, down to 2.5."""
    return [f"manylinux_2_{minor}_{machine}" for minor in range(28, 4, -1)]


SYSTEMS = {
    "Linux on x86-64": [*manylinux("x86_64"), "manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64"],
    "Linux on ARM": [*manylinux("aarch64"), "manylinux2014_aarch64"],
    "Windows on x86-64": ["win_amd64"],
    "macOS 14 on Apple silicon": list(mac_platforms((14, 0), "arm64")),
}
ONE_SYSTEM = {"pywinpty": "Windows on x86-64"}  # pip asks for it nowhere else
LINK = re.compile(r"https?://\S+/([^/\s]+\.whl)\S* \(from \S+\)(?: \(requires-python:(.*?)\))?(?:, version|$)")


def pins() -> dict[str, str]:
    """The version of each package that constraints.txt names."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in pairs}


def tags(python: str, platforms: list[str]) -> set[Tag]:
    """What the wheels may be called that install on a Python and a system."""
    numbers = tuple(int(part) for part in python.split(".")[:2])
    interpreter = "cp{}{}".format(*numbers)
    return {*cpython_tags(numbers, platforms=platforms), *compatible_tags(numbers, interpreter, platforms)}


def ask_pip(name: str, version: str) -> dict:
    """What the package index says of one release: Requires-Python, and its wheels for what README promises."""
    command = [sys.executable, "-m", "pip", "index", "versions", name, "-vv"]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    promised = set().union(*(tags(python, names) for python in PYTHONS for names in SYSTEMS.values()))
    wheels, requires_python = set(), ""
    for line in listing.splitlines():
        link = LINK.search(line)
        if link and "yanked" not in line and f"-{version}-" in link[1]:
            wheels |= {str(tag) for tag in parse_wheel_filename(link[1])[3] & promised}
            requires_python = link[2] or ""
    return {"version": version, "requires_python": requires_python, "wheels": sorted(wheels)}


if __name__ == "__main__":
    answers = {name: ask_pip(name, version) for name, version in pins().items()}
    rows = [f"{json.dumps(name)}: {json.dumps(answer)}" for name, answer in answers.items()]
    RECORD.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8", newline="\n")
