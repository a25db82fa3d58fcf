"""What the site and the slides do alike with a notebook: markdown, code, outputs and pictures in HTML.

No cell is executed and nothing fetched: pictures stand in the page, and flipbooks in place of most widgets.
"""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from nbconvert.exporters import HTMLExporter
from nbformat import NotebookNode
from traitlets import default
from traitlets.config import Config

from course_lib.publish.markdown import to_html
from course_lib.publish.roles import heading, question, role
from course_lib.training.files.errors import CourseError

TEMPLATES = Path(__file__).parent / "templates"
LOOK = Path(__file__).parents[1] / "classroom" / "look.css"
# The first that an output has is shown; a widget has a picture for readers without a kernel.
SHOWN = ["text/html", "image/png", "text/plain"]
GAPS = 3  # in a table's row
GAP = re.compile(r"(?<=\S) {2,}(?=\S)")


def page_templates() -> Environment:
    """The templates of whole pages, which find the course's colours as `look`; what is filled in is escaped."""
    loader = FileSystemLoader(TEMPLATES / "course")
    templates = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    templates.globals["look"] = Markup(LOOK.read_text(encoding="utf-8"))
    return templates


class CourseExporter(HTMLExporter):
    """Fills a template of templates/course with a notebook; `href` tells where a link of the notebook leads then."""

    def __init__(self, template: str, *, href: Callable[[str], str] = str):
        settings = Config({"NbConvertBase": {"display_data_priority": SHOWN}})
        super().__init__(config=settings, template_file=template, extra_template_basedirs=[str(TEMPLATES)])
        self.register_filter("markdown2html", lambda source: to_html(source, href))
        self.register_filter("text", partial(text, href=href))
        self.register_filter("alt", alt)
        self.register_filter("wraps", wraps)

    @default("template_name")
    def _template_name_default(self) -> str:
        return "course"

    def page(self, notebook: NotebookNode, **resources) -> str:
        """Return the page; the template finds `resources` under that name."""
        return self.from_notebook_node(notebook, resources)[0]


def alt(output: NotebookNode) -> str:
    """The words that stand beside a picture for those who do not see it."""
    return output.metadata.get("image/png", {}).get("alt") or output.data.get("text/plain", "")


def wraps(printed: str) -> bool:
    """Whether lines that are printed go on in the next where a page is narrow: those of a table do not."""
    return all(len(GAP.findall(line)) < GAPS for line in printed.splitlines())


def text(cell: NotebookNode, href: Callable[[str], str]) -> str:
    """Render a cell of text: its heading's minutes are set apart, the folds of a quiz are told apart."""
    html, found = to_html(cell.source, href), heading(cell)
    if found and found.length:
        html = html.replace(f"({found.length})</h", f'<span class="minutes">({found.length})</span></h', 1)
    return with_options(html, cell) if role(cell) == "quiz" else html


def with_options(html: str, quiz: NotebookNode) -> str:
    """Give each fold of a quiz the class `yes` or `no`. CourseError where it has not one fold for each option."""
    asked, (before, *folds) = question(quiz), html.split("<details>")
    if len(folds) != len(asked.options):
        raise CourseError(
            f"Expected the quiz {quiz.id!r} to have a fold for each of its {len(asked.options)} options, "
            f"but it has {len(folds)}; write both alike, in its text and its metadata."
        )
    classes = ["yes" if letter == asked.right else "no" for letter in asked.options]
    return before + "".join(f'<details class="option {name}">{fold}' for name, fold in zip(classes, folds, strict=True))
