"""What later notebooks, widgets and the cockpit get of the student's functions, and what is said without any."""

import sys

import pytest

from course_lib.classroom.exercises.check import KNOWN
from course_lib.classroom.exercises.mine import (
    NOTEBOOKS,
    mine,
    my_equations,
    my_functions,
    my_method,
    my_table,
    with_mine,
)
from course_lib.classroom.exercises.my_library import LIBRARY
from course_lib.training.files.errors import CourseError

TWO = "def my_k1(new, ref):\n    return 1\ndef gae(*inputs, **options):\n    return 2\ndef half(x):\n    return 3\n"


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])


def test_every_exercise_stands_in_one_notebook():
    names = [name for names in NOTEBOOKS.values() for name in names]
    assert sorted(names) == sorted(KNOWN)


def test_without_a_library_there_is_nothing_and_it_is_said(capsys):
    assert my_functions() == mine("gae") == {}
    for give in (my_equations, my_method):
        with pytest.raises(CourseError, match=r"none yet; write my_clipped_objective in notebook 02"):
            give()
    assert with_mine(dict, "gae", "td_residuals") is None
    assert (
        capsys.readouterr().out
        == "This shows my_gae or my_td_residuals once its check has passed; run it again then.\n"
    )


def test_functions_are_found_by_the_names_of_their_exercises():
    LIBRARY.write_text(TWO)
    assert {name: function(1, 1) for name, function in my_functions().items()} == {"k1": 1, "gae": 2}
    assert list(mine("gae", "whiten")) == list(my_equations()) == my_method().not_ours == ["gae"]
    assert with_mine(dict, "gae", "td_residuals")["gae"]() == 2


def test_the_cockpit_takes_wholes_without_their_parts_and_no_coefficient_beside_its_slider():
    written = ("td_residuals", "gae", "whiten", "probability_ratio", "adaptive_kl_coef", "k1")
    LIBRARY.write_text("".join(f"def my_{name}():\n    pass\n" for name in written))
    assert set(my_equations()) == set(my_method().not_ours) == {"gae", "whiten", "probability_ratio"}
    says = {name: last for table in ("02", "03") for name, _, last in my_table(table).rows}
    assert says["my_td_residuals"] == "no: my_gae is the whole"
    assert says["my_gae"] == says["my_whiten"] == says["my_probability_ratio"] == "yes"
    assert says["my_adaptive_kl_coef"] == says["my_k1"] == "no"
    assert says["my_policy_loss"] == says["my_clipped_objective"] == "once it is kept"


def test_a_fault_in_the_file_is_a_sentence_everywhere(capsys):
    LIBRARY.write_text("\ndef gae(:\n")
    with pytest.raises(CourseError, match="line 2"):
        my_functions()
    assert with_mine(dict, "gae") is None
    said = capsys.readouterr().out
    assert said.startswith("Expected equations in my_rlhf.py, but my_rlhf.py, line 2, stops with SyntaxError: ")
    assert repr(my_table("02")).endswith(said.strip())


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_the_table_without_a_library_says_what_to_do_first(notebook):
    *rows, sentence = repr(my_table(notebook)).splitlines()
    assert [row.split(": ")[1] for row in rows] == ["not yet"] * len(NOTEBOOKS[notebook])
    first = rows[0].split(":")[0]
    assert sentence == f"None of them is in my_rlhf.py yet. Begin with {first}: once its check says Passed, it is kept."


def test_the_table_tells_kept_from_not_yet_and_what_comes_next():
    LIBRARY.write_text(TWO)
    lines = repr(my_table("03")).splitlines()
    assert [line for line in lines if line.endswith(": kept")] == ["my_k1: kept"]
    done, use = lines[-1].split(". ")
    assert done == "1 of 10 are in my_rlhf.py; the next is my_kl_shaped_rewards"
    assert use == "Bring one into any cell: from my_rlhf import my_k1."
    assert "import gae." in repr(my_table("02"))
    LIBRARY.write_text("".join(f"def my_{name}():\n    pass\n" for name in NOTEBOOKS["05"]))
    assert repr(my_table("05")).splitlines()[-1].startswith("All 4 are in my_rlhf.py. ")


def test_the_table_in_html_is_escaped():
    LIBRARY.write_text("raise ValueError('<script>')\n")
    html = my_table("01")._repr_html_()
    assert html.count("<tr>") == 7
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
