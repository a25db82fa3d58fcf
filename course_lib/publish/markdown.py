"""The markdown of notebooks and of data/README.md in HTML, with formulas in MathML."""

import re
from collections.abc import Callable
from html import escape

from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from course_lib.publish.maths import mathml

# a formula and what is written close to it, such as a comma
WORD = re.compile(r"[^\s<>]*<math>(?:(?!</math>).)*</math>[^\s<>]+")


class CourseRenderer(IPythonRenderer):
    """Renders formulas and links; `href` gives the address to which a link leads, "" for one that leads nowhere."""

    def __init__(self, href: Callable[[str], str]):
        super().__init__(escape=False, exclude_anchor_links=True)
        self.href = href

    def inline_math(self, body: str) -> str:
        """A formula within a line."""
        return mathml(body)

    def block_math(self, body: str) -> str:
        """A formula on its own line, which scrolls where the page is too narrow for it."""
        return f'<span class="formula">{mathml(body, block=True)}</span>'

    def latex_environment(self, name: str, body: str) -> str:
        r"""What stands between \begin and \end."""
        return self.block_math(rf"\begin{{{name}}}{body}\end{{{name}}}")

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """A link, or its text alone; of a term of the glossary the title, which tells what it means, is kept."""
        address = self.href(url)
        if title:
            tag, leads = ("a", f' href="{escape(address)}#glossary"') if address else ("abbr", ' tabindex="0"')
            return f'<{tag} class="term"{leads} title="{escape(title)}">{text}</{tag}>'
        return f'<a href="{escape(address)}">{text}</a>' if address else text


def to_html(markdown: str, href: Callable[[str], str] = str) -> str:
    """Render markdown; formulas in code stay code, and no line begins with the comma after a formula."""
    html = MarkdownWithMath(renderer=CourseRenderer(href)).render(markdown)
    return WORD.sub(r'<span style="white-space: nowrap">\g<0></span>', html)


def to_inline_html(markdown: str, href: Callable[[str], str] = str) -> str:
    """Render one line of markdown, to stand within another line."""
    return to_html(markdown, href).strip().removeprefix("<p>").removesuffix("</p>")
