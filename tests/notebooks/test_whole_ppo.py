"""The loop that notebook 03 shows is the library's: the same records from the same random numbers."""

import pytest

from course_lib.publish.stored import FOLDER, find, read


def source(cell_id):
    (path,) = find(["03"], FOLDER)
    (cell,) = (cell for cell in read(path).cells if cell.id == cell_id)
    return cell.source


def test_all_of_ppo_in_a_cell_keeps_the_records_of_the_library(capsys):
    page, theirs = {}, []
    exec(source("three-steps"), page)
    records = page["records"]
    page["records"] = (theirs.append(record) or record for record in records)
    exec(source("whole-ppo-tools"), page)
    capsys.readouterr()
    exec(source("whole-ppo"), page)
    assert [record["step"] for record in theirs] == [1, 2, 3]
    assert theirs[-1]["score"] == pytest.approx(page["scores"].mean().item(), abs=1e-4)
    assert theirs[-1]["kl"] == pytest.approx(page["kl"].item(), abs=1e-4)
    assert theirs[-1]["kl"] > 0.5
    assert len(capsys.readouterr().out.splitlines()) == 3
