"""Opens JupyterLab on the student's own copies of the notebooks: `make lab`.

The copies lie in my_notebooks, without outputs. What a student wrote is never written over: a notebook that has changed
in the course since is laid beside it.
"""

import argparse
import os
import sys
from pathlib import Path

from jupyterlab.labapp import LabApp

from course_lib.publish.copies import COPIES, lay_out
from course_lib.training.files.entry_point import entry_point

# Defaults below a student's own settings: no box asks whether to fetch news.
CONFIG = Path(__file__).with_name("jupyter")


@entry_point
def main(arguments: list[str] | None = None) -> None:
    """Lay the copies out and open them; the arguments are JupyterLab's own."""
    usage = "%(prog)s [OPTION OF JUPYTERLAB ...]"
    parser = argparse.ArgumentParser(prog="python -m course_lib.publish.lab", usage=usage, description=__doc__)
    _, options = parser.parse_known_args(arguments)
    for sentence in lay_out(COPIES):
        print(sentence)
    print(f"Your notebooks are in {COPIES}.")
    where = [
        f"--ServerApp.root_dir={COPIES.parent}",  # so that the notebooks' links to the code open too
        f"--LabApp.default_url=/lab/tree/{COPIES.name}",
    ]
    paths = [str(CONFIG), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))
    LabApp.launch_instance([*where, *options])


if __name__ == "__main__":
    sys.exit(main())
