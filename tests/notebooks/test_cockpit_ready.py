"""A run of all cells leaves the cockpit of notebook 03 as it was made, with Start to be pressed."""

import re

from shared.notebooks import NOTEBOOKS, code_cells

from course_lib.publish.stored import read

TOUCHED = re.compile(r"\bcockpit\.(?!settings\b)\w+")  # its settings are only read


def test_no_cell_trains_with_the_cockpit_that_the_student_has():
    (path,) = (path for path in NOTEBOOKS if path.name.startswith("03"))
    sources = {cell.id: cell.source for cell in code_cells(read(path))}
    assert "cockpit = Cockpit()" in sources["cockpit"]
    assert not [name for name, source in sources.items() if TOUCHED.search(source)]
