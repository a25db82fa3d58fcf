"""Who runs only what is presented, and skips what goes deeper, meets no name that is not there yet."""

import ast
import builtins

from shared.notebooks import each_notebook

from course_lib.publish.roles import course
from course_lib.publish.stored import read


@each_notebook
def test_presented_cells_need_no_cell_that_goes_deeper(path):
    known, deeper = {*dir(builtins)}, False
    for cell in read(path).cells:
        is_heading = cell.cell_type == "markdown" and cell.source.startswith("## ")
        deeper = bool(course(cell).get("deeper")) if is_heading else deeper
        if cell.cell_type != "code" or deeper or "exercise" in course(cell):
            continue
        tree = ast.parse(cell.source)
        names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
        known |= {node.id for node in names if not isinstance(node.ctx, ast.Load)}
        known |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        known |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        imports = [
            alias for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names
        ]
        known |= {(alias.asname or alias.name).split(".")[0] for alias in imports}
        missing = {node.id for node in names if isinstance(node.ctx, ast.Load)} - known
        assert not missing, f"{cell.id} needs {missing}"
