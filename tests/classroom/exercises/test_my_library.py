"""The student's own library: what is kept, how it is written, and what keeps a function out of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from shared.student import Student

from course_lib.classroom.exercises import my_library
from course_lib.classroom.exercises.check import EXERCISES, check
from course_lib.classroom.exercises.my_library import HEADER, LIBRARY, LOCK
from course_lib.training.files import write

RATIO = '''import torch


def my_probability_ratio(logprobs, old_logprobs):
    """How much likelier."""
    # exp of the difference, größer als 0
    return torch.exp(logprobs - old_logprobs)
'''
K1 = "def my_k1(logprobs, ref_logprobs):\n    return logprobs - ref_logprobs\n"
KEPT = "Kept in my_rlhf.py."


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setitem(sys.modules, "my_rlhf", None)
    del sys.modules["my_rlhf"]


@pytest.fixture
def student():
    return Student()


def checked(student, *cells, name="my_k1"):
    """What the check says last of a right function, after these cells."""
    passed, *rest = student.run(*cells, f"check({name})").splitlines()
    assert passed.startswith("Passed: ")
    (says,) = rest
    return says


def library():
    return LIBRARY.read_text(encoding="utf-8")


def k1(*lines, before=""):
    """The right my_k1, with more lines in it."""
    return "\n".join(
        [*before.splitlines(), *K1.splitlines()[:1], *(f"    {line}" for line in lines), *K1.splitlines()[1:]]
    )


def test_a_function_that_passes_is_kept_as_it_was_written(student):
    assert checked(student, RATIO, name="my_probability_ratio") == KEPT
    imports, function = RATIO.split("\n\n\n")
    assert library() == f"{HEADER}\n{imports}\n\n\n{function}"
    fresh = "import torch, my_rlhf; print(my_rlhf.my_probability_ratio(torch.zeros(1), torch.zeros(1)))"
    environment = os.environ | {"PYTHONPATH": "."}
    assert subprocess.check_output([sys.executable, "-c", fresh], text=True, env=environment) == "tensor([1.])\n"


def test_what_has_not_passed_is_not_kept(student):
    student.run("def my_k1(logprobs, ref_logprobs):\n    raise NotImplementedError", "check(my_k1)")
    student.run("def my_k1(logprobs, ref_logprobs):\n    return logprobs", "check(my_k1)")
    assert list(Path().iterdir()) == []


def test_a_function_of_a_file_is_left_where_it_is(capsys):
    check(EXERCISES["k1"].reference)
    assert capsys.readouterr().out.count("\n") == 1
    assert list(Path().iterdir()) == []


def test_one_function_is_replaced_and_every_other_line_stays(student):
    checked(student, RATIO, name="my_probability_ratio")
    checked(student, K1)
    notes = library().replace("def my_k1", "# why not k3?\ndef my_k1") + "\n\n# the end\nx, y = 1, 2; z = 3\n# of it\n"
    LIBRARY.write_text(notes, encoding="utf-8")
    assert checked(student, k1("# again")) == KEPT
    again = notes.replace("    return logprobs - ref", "    # again\n    return logprobs - ref")
    assert library() == again
    k2 = "def my_k2(logprobs, ref_logprobs):\n    return (logprobs - ref_logprobs) ** 2 / 2\n"
    assert checked(student, k2, name="my_k2") == KEPT
    assert library() == f"{again}\n\n{k2}"


def test_the_same_function_again_writes_nothing(student, monkeypatch):
    checked(student, K1)
    monkeypatch.setattr(my_library, "write_text", lambda *_: pytest.fail("written"))
    assert checked(student, K1) == KEPT


def test_a_deleted_function_is_gone_and_may_come_back(student):
    checked(student, K1)
    LIBRARY.write_text("")
    assert checked(student, K1) == KEPT
    assert library() == f"{HEADER}\n\n{K1}"


def test_a_new_import_brings_the_new_function(student):
    checked(student, k1("'the first'"))
    assert student.run("from my_rlhf import my_k1 as mine\nprint(mine.__doc__)") == "the first\n"
    checked(student, k1("'the second one'"))
    assert student.run("from my_rlhf import my_k1 as mine\nprint(mine.__doc__)") == "the second one\n"


def test_imports_of_every_kind_come_with_it(student):
    imports = [
        "import math",
        "import torch",
        "import torch.nn.functional as F",
        "from course_lib.equations.kl import k1 as ours",
        "from jaxtyping import Float",
        "from math import sqrt as root",
        "from torch import Tensor",
        "from torch.nn.functional import relu",
    ]
    function = """@torch.no_grad()
def my_k1(logprobs: Float[Tensor, "*shape"], ref_logprobs: Tensor) -> Tensor:
    zero = [math.floor(root(0)) for _ in range(3)][0]
    return ours(logprobs, ref_logprobs) + zero * F.silu(logprobs) + zero * relu(logprobs)
"""
    assert checked(student, "\n".join(imports), function) == KEPT
    written = library().splitlines()[2:10]
    assert sorted(written) == sorted(imports)
    assert library() == "\n".join([HEADER, *written, "", "", function])


def test_an_import_that_the_file_has_among_others_is_not_repeated(student):
    LIBRARY.write_text("from math import (\n    sqrt,\n    pi,\n)\n")
    assert checked(student, "from math import sqrt", k1("sqrt(2)")) == KEPT
    assert library().count("import") == 1


def test_helpers_and_constants_stand_before_the_function(student):
    constants = ["NAME = 'größe'", "PAIR = (1, (2.5,), None)", 'TOP = float("inf")']
    helpers = ["def half(x):\n    return x / 2 if PAIR else twice(x)", "def twice(x):\n    return half(x) * 4"]
    cells = ["\n".join(constants), "\n\n".join(helpers), k1("assert twice(1) < TOP and NAME")]
    assert checked(student, *cells) == KEPT
    written = library().splitlines()[2:5]
    assert sorted(written) == constants
    assert library() == "\n".join([HEADER, *written]) + "\n\n\n" + "\n\n\n".join([*helpers, cells[-1]]) + "\n"


def test_a_helper_that_a_kept_function_comes_to_need_stands_before_it(student):
    checked(student, K1)
    decorator = "import functools\ndef plain(function):\n    @functools.wraps(function)\n    def inner(*inputs):\n"
    decorator += "        return function(*inputs)\n    return inner"
    assert checked(student, decorator, k1(before="@plain")) == KEPT
    assert library().index("def plain") < library().index("@plain\ndef my_k1")


def test_a_function_defined_anew_in_a_later_cell_is_the_one_kept(student):
    assert checked(student, k1("# one"), "x = 1", k1("# two")) == KEPT
    assert "# two" in library()
    assert "# one" not in library()


def test_a_function_inside_an_if_is_written_at_the_margin(student):
    assert checked(student, "if True:\n" + "".join(f"    {line}\n" for line in K1.splitlines())) == KEPT
    assert K1 in library()


MADE_OTHERWISE = (
    "Not kept in my_rlhf.py. Expected `def {0}(...):` in a cell, but {0} was made in another way; write it so."
)
CLOSURE = (
    "def make(sign):\n    def my_k1(new, ref):\n        return sign * (new - ref)\n    return my_k1\nmy_k1 = make(1)"
)


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        (
            "import torch\nnoise = torch.zeros(2, 3)\n" + k1("noise"),
            "Not kept in my_rlhf.py. Expected nothing in my_k1 that only this notebook has, but it uses noise, a "
            "tensor of shape (2, 3); make it a parameter, or define it inside the function.",
        ),
        ("import torch\nmodel = torch.nn.Linear(1, 1)\n" + k1("model"), "it uses model, a Linear; make"),
        ("class Thing:\n    pass\n" + k1("Thing"), "it uses Thing, a type; make"),
        ("numbers = [1, 2]\n" + k1("numbers"), "it uses numbers, a list of 2; make"),
        (k1("False and nowhere"), "Expected each name in my_k1 to mean something, but nowhere does not"),
        ("half = lambda x: x / 2\n" + k1("half(1)"), MADE_OTHERWISE.format("half")),
        ("my_k1 = lambda new, ref: new - ref\nmy_k1.__name__ = 'my_k1'", MADE_OTHERWISE.format("my_k1")),
        ("exec('def my_k1(new, ref): return new - ref')", MADE_OTHERWISE.format("my_k1")),
        (CLOSURE, "Expected my_k1 to stand alone, but it uses sign of a function around it; move it out."),
        (
            "def my_k3(x):\n    return x\n" + k1("my_k3(1)"),
            "Expected my_k3 to be kept before my_k1, but it is not; check it first, or rename it.",
        ),
        ("def entropy(x):\n    return x\n" + k1("entropy(1)"), "Expected entropy to be kept before my_k1"),
    ],
)
def test_what_stands_in_the_way_is_one_sentence_and_nothing_is_written(student, cell, says):
    told = checked(student, cell)
    assert told.startswith("Not kept in my_rlhf.py. Expected ")
    assert says in told
    assert not LIBRARY.exists()


def test_a_checked_function_may_use_another(student):
    ratio = "def my_probability_ratio(logprobs, old_logprobs):\n    return (logprobs - old_logprobs).exp()"
    checked(student, ratio, name="my_probability_ratio")
    assert checked(student, k1("my_probability_ratio(logprobs, ref_logprobs)")) == KEPT
    del student
    later = Student()
    cells = ["from my_rlhf import my_probability_ratio", k1("# later", "my_probability_ratio(logprobs, ref_logprobs)")]
    assert checked(later, *cells) == KEPT
    assert library().count("def my_probability_ratio") == 1


def test_a_function_that_was_imported_under_another_name_keeps_that_name(student):
    checked(student, "def my_probability_ratio(new, old):\n    return (new - old).exp()", name="my_probability_ratio")
    bring = "from my_rlhf import my_probability_ratio as probability_ratio"
    assert checked(student, bring, k1("probability_ratio(logprobs, ref_logprobs)")) == KEPT
    module = {}
    exec(library(), module)
    assert module["my_k1"](*torch.tensor([[1.5], [0.5]])).tolist() == [1.0]


@pytest.mark.parametrize(
    ("first", "second", "written"),
    [
        ("EPS = 1e-8", "EPS = 1e-5", "\nEPS = 1e-05\n"),
        ("def EPS():\n    return 1", "def EPS():\n    return 2", "\ndef EPS():\n    return 2\n"),
        ("from math import sin as EPS", "from math import cos as EPS", "\nfrom math import cos as EPS\n"),
    ],
)
def test_a_name_that_means_another_thing_to_another_function_is_not_taken(student, first, second, written):
    checked(student, first, k1("EPS"))
    before = library()
    ratio = "def my_probability_ratio(logprobs, old_logprobs):\n    EPS\n    return (logprobs - old_logprobs).exp()"
    says = checked(student, second, ratio, name="my_probability_ratio")
    assert says == (
        "Not kept in my_rlhf.py. Expected EPS to be what it is in my_rlhf.py, where my_k1 uses it, but here it is "
        "another; give it another name."
    )
    assert library() == before
    assert checked(student, k1("EPS", "EPS")) == KEPT, "its only user may change it"
    assert (
        second.split("\n")[-1].split(" as ")[0].removeprefix("EPS = ").split()[-1].replace("1e-5", "1e-05") in library()
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"{HEADER}\ndef broken(:\n    pass\n", "my_rlhf.py, line 3, stops with SyntaxError: "),
        ("x = 1\nimport nothing_of_this_name\n", "my_rlhf.py, line 2, stops with ModuleNotFoundError: "),
        ("x = 1\n\n\ny = x.no\n", "my_rlhf.py, line 4, stops with AttributeError: "),
        ("my_k1, my_k2 = 1, 2\n", "Expected my_k1 alone in its statement in my_rlhf.py, but others share it"),
    ],
)
def test_a_file_with_a_fault_is_left_as_it_is_and_the_fault_is_told(student, text, says):
    LIBRARY.write_text(text)
    told = checked(student, K1)
    assert told.startswith("Not kept in my_rlhf.py. Expected ")
    assert says in told
    assert library() == text


def test_a_file_of_another_encoding_is_left_as_it_is(student):
    LIBRARY.write_bytes("# -*- coding: latin-1 -*-\nname = 'ü'\n".encode("latin-1"))
    assert "Expected my_rlhf.py in UTF-8" in checked(student, K1)
    LIBRARY.write_bytes("\ufeff# größe\r\nx = 1\r\n".encode())
    assert checked(student, K1) == KEPT
    assert library() == f"# größe\nx = 1\n\n\n{K1}"


def test_a_crash_in_the_middle_leaves_the_old_file(student, monkeypatch):
    checked(student, K1)
    before = library()

    def crash(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(write.os, "fsync", crash)
    says = "Expected a folder to write in, but it says 'No space left on device'; move the notebook."
    assert checked(student, k1("# a longer one")) == f"Not kept in my_rlhf.py. {says}"
    assert library() == before


def test_a_folder_that_is_gone_is_a_sentence(student, tmp_path, monkeypatch):
    monkeypatch.setattr(my_library, "LOCK", tmp_path / "a file" / "lock")
    (tmp_path / "a file").write_text("")
    assert checked(student, K1).startswith("Not kept in my_rlhf.py. Expected a folder to write in, but it says ")


def test_another_kernel_that_keeps_the_file_is_a_sentence(student, monkeypatch):
    monkeypatch.setattr(my_library, "PATIENCE", 0.05)
    with FileLock(LOCK):
        assert "Expected the file to be free, but another kernel writes to it" in checked(student, K1)
    assert checked(student, K1) == KEPT


TEN_TIMES = """
import sys, time
from pathlib import Path
from shared.student import Student
from course_lib.classroom.exercises import my_library
student, name = Student(), sys.argv[1]
my_library.require_runs = lambda *_: time.sleep(0.02)  # time for the other to come between reading and writing
Path(name).touch()
while not (Path("one").exists() and Path("two").exists()):
    time.sleep(0.01)
for turn in range(10):
    cell = f"def {name}():\\n    return {turn}"
    print(student.run(cell, f"from course_lib.classroom.exercises.my_library import keep; print(keep({name}))"), end="")
"""


def test_two_kernels_at_once_lose_nothing():
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    kernels = [
        subprocess.Popen([sys.executable, "-c", TEN_TIMES, name], stdout=subprocess.PIPE, text=True, env=environment)
        for name in ("one", "two")
    ]
    for kernel in kernels:
        assert kernel.communicate(timeout=120)[0].splitlines() == [KEPT] * 10
    functions = {part.strip() for part in library().split("\n\n\n")[1:]}
    assert functions == {"def one():\n    return 9", "def two():\n    return 9"}
