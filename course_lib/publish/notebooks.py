"""Runs the notebooks and writes them with their outputs: `python -m course_lib.publish.notebooks [NAME ...]`.

What is written is canonical: on one machine a second run gives the same bytes, but for pictures.
"""

import argparse
import os
import re
import sys
import time
from pathlib import Path

from ipykernel.kernelspec import RESOURCES, get_kernel_dict
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from course_lib.publish.stored import FOLDER, canonical, find, read, write
from course_lib.training.files.entry_point import entry_point
from course_lib.training.files.errors import CourseError

CELL_SECONDS = 120
# Two threads on two busy cores take longer than one.
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
TERMINAL_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class ThisPython(KernelSpecManager):
    """Starts every kernel with the Python that runs this program, whatever kernels are installed."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return the kernel of this Python."""
        return KernelSpec(resource_dir=RESOURCES, **get_kernel_dict())


def refresh(path: Path, *, timeout: int = CELL_SECONDS) -> None:
    """Run a notebook in its folder and write it with its outputs.

    CourseError where a cell fails or takes longer than `timeout` seconds; the file then stays as it was.
    """
    notebook = read(path)
    run(notebook, path, timeout=timeout)
    write(canonical(notebook), path)


def run(notebook: NotebookNode, path: Path, *, timeout: int = CELL_SECONDS) -> None:
    """Execute all cells with a new kernel, which leaves their outputs in `notebook`."""
    client = NotebookClient(
        notebook,
        km=AsyncKernelManager(kernel_spec_manager=ThisPython()),
        extra_arguments=["--log-level=ERROR"],
        timeout=timeout,
        store_widget_state=False,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    at = []
    client.on_cell_start = lambda cell, cell_index: at.append(cell)
    try:
        client.execute(env=os.environ | ONE_THREAD)
    except CellExecutionError as error:
        what = TERMINAL_COLOURS.sub("", f"{error.ename}: {error.evalue}").strip()
    except CellTimeoutError:
        what = f"it took longer than {timeout} seconds"
    except DeadKernelError:
        what = "its Python process died, perhaps for lack of memory"
    else:
        return
    raise CourseError(f"{path.name} was left as it was, because its cell {at[-1].get('id')!r} failed: {what}")


@entry_point
def main(arguments: list[str] | None = None) -> None:
    """Run the notebooks that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m course_lib.publish.notebooks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="the start of a notebook's name, such as 01")
    for path in find(parser.parse_args(arguments).names, FOLDER):
        started = time.perf_counter()
        refresh(path)
        print(f"{path.name}: {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
