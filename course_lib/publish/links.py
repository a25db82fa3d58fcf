"""Where each file of the repository stands in the site, and where the links to it lead."""

import os
from pathlib import Path, PurePosixPath

PAGED = (".ipynb", ".md", ".py")  # other files and folders have no page


class Links:
    """Finds the addresses of links, and remembers in `files` the files without a notebook's page that are linked to."""

    def __init__(self, root: Path):
        self.root = root
        self.files: list[str] = []

    def href(self, target: str, *, of: str) -> str:
        """Return where a link in the file `of` leads from that file's page: "" if to nothing within the site."""
        path = target.partition("#")[0]
        if ":" in path:  # a scheme: another site
            return target
        file = PurePosixPath(os.path.normpath(PurePosixPath(of).parent / path)).as_posix() if path else ""
        if not file.endswith(PAGED) or not (self.root / file).is_file():
            return ""
        if not file.endswith(".ipynb") and file not in self.files:
            self.files.append(file)
        return relative(address(file), of=address(of))


def address(file: str) -> str:
    """Return the page of a file: a notebook's in the site's own folder, another's where the file is."""
    path = PurePosixPath(file)
    return f"{path.stem}.html" if path.suffix == ".ipynb" else f"{file}.html"


def relative(address: str, *, of: str) -> str:
    """Return how the page `of` calls the page at `address`."""
    return PurePosixPath(os.path.relpath(address, PurePosixPath(of).parent)).as_posix()
