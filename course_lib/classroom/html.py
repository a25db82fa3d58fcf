"""HTML from the templates beside this file; every text that is filled in is escaped."""

import re
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from course_lib.classroom.words import number


def closed_up(text: str) -> str:
    """Keep punctuation, which stands apart in the ratings, on the line of the word before."""
    return re.sub(r" (?=[.,;:!?])", "\u00a0", text)


TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)
TEMPLATES.filters |= {"number": number, "closed_up": closed_up}


def render(name: str, values: Mapping[str, object]) -> str:
    """Fill the template `templates/<name>.html.j2`."""
    return TEMPLATES.get_template(f"{name}.html.j2").render(values)


def sentence_html(sentence: str) -> str:
    """One sentence under a picture."""
    return render("sentence", {"sentence": sentence})
