"""The words of the course with what each means, kept once, in glossary.toml, for notebooks, pages and slides."""

import tomllib
from functools import cache
from pathlib import Path

from course_lib.classroom.html import render

FILE = Path(__file__).with_name("glossary.toml")


@cache
def terms() -> dict[str, str]:
    """Read the clause that explains each term, in the order of the alphabet."""
    found = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {term: found[term] for term in sorted(found, key=str.lower)}


class Glossary:
    """All terms as a table; shown as HTML, or as plain lines."""

    def _repr_html_(self) -> str:
        return render("glossary", {"terms": terms()})

    def __repr__(self) -> str:
        """The same as lines of text."""
        return "\n".join(f"{term}: {means}" for term, means in terms().items())
