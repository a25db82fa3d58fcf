"""Links the first use of each term in a notebook's prose to what it means: `python -m course_lib.publish.terms 01`.

A link is Markdown's, by reference: `[policy][]` or `[nats][nat]` in the text and, at the end of the cell, the
glossary's clause as its title, which JupyterLab shows where the mouse rests on it. What the prose sets in *italics*
or **bold** where it first comes is explained there, and stays as it is. Running it again brings the links up to date.
"""

import argparse
import re
import sys

from nbformat import NotebookNode

from course_lib.classroom.glossary import terms
from course_lib.publish.stored import FOLDER, find, read, write
from course_lib.training.files.entry_point import entry_point

LEADS_TO = "00_welcome.ipynb#Go-deeper:-glossary"
CODE = r"```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]+\$"
CODE_OR_LINK = re.compile(rf"({CODE})|\[([^\[\]]+)\]\[[^\[\]]*\](?!\()", re.DOTALL)
MEANING = re.compile(rf"\n*^\[[^\]\n]+\]: {re.escape(LEADS_TO)} .*$", re.MULTILINE)
EXPLAINED = r"\*[^*\s](?:[^*]*[^*\s])?\*"
NO_PROSE = re.compile(
    rf"{CODE}|<summary>.*?</summary>|<[^>]*>|^#.*?$|\[[^\]]*\](?:\([^)]*\)|\[[^\]]*\])|{EXPLAINED}",
    re.DOTALL | re.MULTILINE,
)


def link_terms(notebook: NotebookNode) -> None:
    """Link the first use of each term, in the order of the cells; links that are there already are made anew."""
    unseen = sorted(terms(), key=len, reverse=True)  # the longer first: an explained variance is not a variance
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source, linked = link_cell(without_links(cell.source), unseen)
            unseen = [term for term in unseen if term not in linked]


def without_links(source: str) -> str:
    """Return a cell's text as it was written, without the links of terms and the clauses that they lead to."""
    return MEANING.sub("", CODE_OR_LINK.sub(lambda found: found[1] or found[2], source))


def link_cell(source: str, unseen: list[str]) -> tuple[str, list[str]]:
    """Return a cell's text with the first use of each of these terms linked, and which it has, explained ones too."""
    seen, meanings = [], []
    for term in unseen:
        use = re.compile(rf"(?<![\w-]){re.escape(term)}(?:s|es)?(?![\w-])", re.IGNORECASE if term.islower() else 0)
        hidden = NO_PROSE.sub(lambda found: "\0" * len(found[0]), source)
        found = use.search(hidden)
        explained = next((part for part in re.finditer(EXPLAINED, source) if use.search(part[0])), None)
        if found and (not explained or found.start() < explained.start()):
            label = "" if found[0].lower() == term.lower() else term
            source = f"{source[: found.start()]}[{found[0]}][{label}]{source[found.end() :]}"
            meanings.append(f'[{term}]: {LEADS_TO} "{terms()[term]}"')
        if found or explained:
            seen.append(term)
    return "\n\n".join([source, "\n".join(sorted(meanings))]) if meanings else source, seen


@entry_point
def main(arguments: list[str] | None = None) -> None:
    """Link the terms of the notebooks that are named, or of all."""
    parser = argparse.ArgumentParser(prog="python -m course_lib.publish.terms", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="the start of a notebook's name, such as 01")
    for path in find(parser.parse_args(arguments).names, FOLDER):
        notebook = read(path)
        link_terms(notebook)
        write(notebook, path)


if __name__ == "__main__":
    sys.exit(main())
