"""A student at a notebook: cells are run by IPython, as a kernel runs them, in a folder of their own."""

import sys

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

CHECK = "from course_lib.classroom.exercises.check import check"


class Student:
    """One kernel; `run` gives what a cell printed. The module `__main__` has to be put back after it."""

    def __init__(self):
        self.shell = InteractiveShell()
        self.run(CHECK)

    def run(self, *cells: str) -> str:
        sys.modules["__main__"] = self.shell.user_module
        with capture_output(display=False) as said:
            for cell in cells:
                self.shell.run_cell(cell).raise_error()
        return said.stdout
