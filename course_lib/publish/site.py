"""Writes the course as a folder of pages that need no server, no kernel and no network: `make site`.

No cell is executed: a page shows what its notebook's file holds, and widgets that are drawn ahead.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from course_lib.publish.lesson import read_lesson
from course_lib.publish.links import address
from course_lib.publish.pages import Pages
from course_lib.publish.stored import find
from course_lib.training.files.entry_point import entry_point
from course_lib.training.files.errors import CourseError

ROOT = Path(__file__).parents[2]
MARK = '<meta name="generator" content="course_lib.publish.site">'


def build(root: Path = ROOT) -> dict[str, str]:
    """Return the pages by their addresses: the contents, one for each notebook, and what they link to."""
    lessons = [read_lesson(path) for path in find([], root / "notebooks")]
    pages = Pages(root, lessons)
    made = {"index.html": pages.contents()}
    made |= {f"{lesson.name}.html": pages.lesson(lesson) for lesson in lessons}
    for file in pages.links.files:  # which grows while its pages are made
        made[address(file)] = pages.file(file)
    return made


def write(pages: Mapping[str, str], out: Path) -> None:
    """Write the pages beside `out` and put them in its place, so that it never holds half a site.

    CourseError where `out` holds something else than a site.
    """
    if out.exists() and not is_site(out):
        raise CourseError(f"Expected {out} to be a site or not to exist, but it holds something else; name another.")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as aside:
        new, old = Path(aside, "new"), Path(aside, "old")
        for name, html in pages.items():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).write_text(html, encoding="utf-8", newline="\n")
        if out.exists():
            out.rename(old)
        new.rename(out)


def is_site(folder: Path) -> bool:
    """Tell whether a folder was written by this module."""
    index = folder / "index.html"
    return index.is_file() and MARK in index.read_text(encoding="utf-8", errors="replace")


@entry_point
def main(arguments: list[str] | None = None) -> None:
    """Write the site."""
    parser = argparse.ArgumentParser(prog="python -m course_lib.publish.site", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "site", help="the folder to write (default: site)")
    out = parser.parse_args(arguments).out
    print("The widgets are drawn ahead, at every stop of their sliders: a minute or two.", flush=True)
    pages = build()
    write(pages, out)
    print(f"{len(pages)} pages, {sum(map(len, pages.values())) / 1e6:.1f} MB. Open {out / 'index.html'} in a browser.")


if __name__ == "__main__":
    sys.exit(main())
