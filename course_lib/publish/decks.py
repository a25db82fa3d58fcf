"""A deck of slides, and the page of its notes: each one file, with its look and its scripts in it."""

import re

from markupsafe import Markup
from nbformat import NotebookNode
from nbformat.v4 import new_notebook
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from course_lib.publish.exporter import CourseExporter, page_templates
from course_lib.publish.flipbooks import flipbooks
from course_lib.publish.lesson import Lesson
from course_lib.publish.markdown import to_inline_html
from course_lib.publish.plan import Slide, clock
from course_lib.publish.roles import marked, predictions, unfolded
from course_lib.training.files.errors import CourseError

REVEAL = ("dist/reset.css", "dist/reveal.css", "dist/reveal.js", "plugin/notes/notes.js")
IMPORTS = re.compile(r"\A(?:(?:import|from) .*\n|\s*\n)+")


def deck_page(lesson: Lesson, sections: list[list[Slide]]) -> str:
    """Return the deck: sections from left to right, the slides of each from top to bottom."""
    exporter = CourseExporter("slide_cells.html.j2", href=href)
    exporter.register_filter("code", code)
    exporter.register_filter("unfolded", unfolded)
    asked = predictions(lesson.notebook)

    def drawn(slide: Slide) -> Markup:
        cells = new_notebook(cells=slide.cells)
        return Markup(exporter.page(cells, predictions=asked, flipbooks=flipbooks(cells)))

    return fill("slides.html.j2", lesson=lesson, sections=sections, drawn=drawn, reveal=read_reveal())


def notes_page(lesson: Lesson, sections: list[list[Slide]]) -> str:
    """Return the page of notes, slide by slide."""
    return fill("notes.html.j2", lesson=lesson, sections=sections)


def href(target: str) -> str:
    """Return where a link leads from a slide: nowhere, unless to another site, since the deck stands alone."""
    return target if target.startswith(("http:", "https:")) else ""


def without_imports(source: str) -> str:
    """Return code without the imports that it begins with."""
    return IMPORTS.sub("", source)


def code(cell: NotebookNode) -> Markup:
    """Return a cell's code without its imports: each line knows its indent, and those that are marked say so."""
    shown = without_imports(cell.source)
    left_out = cell.source.removesuffix(shown).count("\n")
    lines = highlight(shown, PythonLexer(), HtmlFormatter(nowrap=True)).splitlines()
    spans = (
        f'<span class="line{" marked" * (line in marked(cell))}" style="--indent: {indent(source)}ch">{html}\n</span>'
        for line, (source, html) in enumerate(zip(shown.splitlines(), lines, strict=True), start=1 + left_out)
    )
    return Markup(f'<div class="highlight"><pre>{"".join(spans)}</pre></div>')


def indent(line: str) -> int:
    """How far a line that is too long goes on to the right: beyond where it began."""
    return len(line) - len(line.lstrip()) + 8


def read_reveal() -> dict[str, Markup]:
    """Return the files of reveal.js by their names. CourseError where the package that brings them is missing."""
    try:
        # of PyPI's packages the one that ships a current reveal.js whole and says by a function where
        from sphinx_revealjs.utils import get_revealjs_path
    except ImportError as error:
        raise CourseError(
            "Expected the package sphinx-revealjs, which brings reveal.js, but it is not installed; install it: "
            "pip install -c constraints.txt -e '.[present]'"
        ) from error
    folder = get_revealjs_path()
    # a script within a page ends at the first </script, wherever it stands
    return {
        file: Markup((folder / file).read_text(encoding="utf-8").replace("</script", r"<\/script")) for file in REVEAL
    }


def fill(template: str, **values) -> str:
    """Fill a template of a page."""
    templates = page_templates()
    templates.filters |= {"clock": clock, "inline": lambda markdown: Markup(to_inline_html(markdown, href))}
    return templates.get_template(template).render(**values)
