"""A deck of slides, and the page of its notes: each one file, with its look and its scripts in it."""

import re

from markupsafe import Markup
from nbformat.v4 import new_notebook

from course_lib.publish.exporter import CourseExporter, page_templates
from course_lib.publish.lesson import Lesson
from course_lib.publish.markdown import to_inline_html
from course_lib.publish.plan import Slide
from course_lib.publish.roles import predictions, unfolded
from course_lib.training.files.errors import CourseError

REVEAL = ("dist/reset.css", "dist/reveal.css", "dist/reveal.js", "plugin/notes/notes.js")
IMPORTS = re.compile(r"\A(?:(?:import|from) .*\n|\s*\n)+")


def deck_page(lesson: Lesson, sections: list[list[Slide]]) -> str:
    """Return the deck: sections from left to right, the slides of each from top to bottom."""
    exporter = CourseExporter("slide_cells.html.j2", href=href)
    exporter.register_filter("without_imports", without_imports)
    exporter.register_filter("unfolded", unfolded)
    asked = predictions(lesson.notebook)

    def drawn(slide: Slide) -> Markup:
        return Markup(exporter.page(new_notebook(cells=slide.cells), predictions=asked))

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


def clock(seconds: int) -> str:
    """Write seconds as minutes and seconds."""
    return f"{seconds // 60}:{seconds % 60:02}"
