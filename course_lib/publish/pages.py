"""The pages of the site: each a file of its own, with its look and its script in it."""

from functools import partial
from pathlib import Path

from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from course_lib.publish.exporter import CourseExporter, page_templates
from course_lib.publish.flipbooks import flipbooks
from course_lib.publish.lesson import Lesson
from course_lib.publish.links import Links, address, relative
from course_lib.publish.markdown import to_html
from course_lib.publish.roles import answers, predictions

README = "README.md"


class Pages:
    """Makes the pages; `root` is the folder of the repository, `lessons` are its notebooks in their order."""

    def __init__(self, root: Path, lessons: list[Lesson]):
        self.root, self.lessons, self.links = root, lessons, Links(root)
        self.templates = page_templates()

    def contents(self) -> str:
        """The page that leads to the notebooks; what it says of the course stands in README.md."""
        begin, *sections = (self.root / README).read_text(encoding="utf-8").removeprefix("# ").split("\n## ")
        title, _, intro = begin.partition("\n")
        parts = {name: text for name, _, text in (section.partition("\n") for section in sections)}
        return self.fill(
            "contents.html.j2",
            at="index.html",
            title=title,
            intro=self.html(intro, of=README),
            about=self.html(parts["The notebooks"].split("\n| ")[0], of=README),
            start=self.html(parts["Start"], of=README),
            licence=self.html(parts["Data and licences"].strip().split("\n\n")[0], of=README),
        )

    def lesson(self, lesson: Lesson) -> str:
        """The page of a notebook, between those before and after it."""
        of = f"notebooks/{lesson.name}.ipynb"
        exporter = CourseExporter("lesson_cells.html.j2", href=partial(self.links.href, of=of))
        asked = {"predictions": predictions(lesson.notebook), "answers": answers(lesson.notebook)}
        cells = exporter.page(lesson.notebook, **asked, flipbooks=flipbooks(lesson.notebook))
        place = self.lessons.index(lesson)
        before, after = self.lessons[max(place - 1, 0) : place], self.lessons[place + 1 : place + 2]
        return self.fill(
            "lesson.html.j2",
            at=address(of),
            title=lesson.title,
            lesson=lesson,
            cells=Markup(cells),
            before=before,
            after=after,
        )

    def file(self, file: str) -> str:
        """The page of a file that another page links to: text, or source with its lines numbered."""
        text = (self.root / file).read_text(encoding="utf-8")
        if file.endswith(".md"):
            return self.fill("file.html.j2", at=address(file), title=file, text=self.html(text, of=file))
        lines = highlight(text, PythonLexer(), HtmlFormatter(linenos="inline"))
        return self.fill("file.html.j2", at=address(file), title=file, text=Markup(lines), source=True)

    def html(self, markdown: str, *, of: str) -> Markup:
        """Render markdown of the file `of`."""
        return Markup(to_html(markdown, partial(self.links.href, of=of)))

    def fill(self, template: str, *, at: str, **values) -> str:
        """Fill a template; in it `to` gives the address of a page as the page at `at` calls it."""
        to = partial(relative, of=at)
        return self.templates.get_template(template).render(**values, to=to, lessons=self.lessons)
