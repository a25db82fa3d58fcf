"""Students' functions are judged as their own check judges them, by other inputs, and whatever they do harms nobody."""

import inspect
import os
import shutil
import subprocess
from pathlib import Path
from tempfile import mkdtemp

import pytest
import torch
from shared.invented_class import FUNCTION, HOSTILE, K1, TORCH, WRONG, solutions
from shared.notebooks import NOTEBOOKS

from course_lib.classroom.exercises.check import EXERCISES, KNOWN
from course_lib.classroom.exercises.loops import train_reward_model
from course_lib.classroom.exercises.verdict import verdict
from course_lib.publish.results import judge as module
from course_lib.publish.results.judge import LIBRARY, NOT_TRIED, PASSED, SECONDS, TRIED, Judge
from course_lib.publish.results.likeness import reaches_for
from course_lib.publish.results.nursery import Nursery, children
from course_lib.publish.results.sources import Source, code_of_notebook
from course_lib.publish.results.work import own_folder

SEED = 3  # other draws than students have, of the loops too


@pytest.fixture(scope="module")
def judge():
    torch.set_num_threads(1)
    nursery = Nursery()
    yield Judge(nursery, seed=SEED)
    nursery.line.close()
    os.waitpid(nursery.pid, 0)


@pytest.fixture
def folder():
    parent = mkdtemp()  # of the system's, which a user without rights may enter
    Path(parent).chmod(0o711)
    yield own_folder(parent, 0)
    shutil.rmtree(parent)


def judged(judge, folder, code, file="my_rlhf.py"):
    return judge.judge([Source(file, TORCH + code)], folder)


def test_every_solution_passes_by_inputs_drawn_anew(judge, folder):
    outcomes, told = judged(judge, folder, "\n\n\n".join(solutions().values()))
    assert not told
    states = {name: outcome.state for name, outcome in outcomes.items()}
    assert states.pop("train_ppo") == LIBRARY  # whose solution is the library's text
    assert states == dict.fromkeys(states, PASSED)
    assert len(states) == len(KNOWN) - 1


@pytest.mark.parametrize("name", WRONG)
def test_the_verdict_is_that_of_the_student_s_own_check(judge, folder, name):
    for code in WRONG[name]:
        outcomes, _ = judged(judge, folder, code)
        namespace = {}
        exec(TORCH + code, namespace)
        says = verdict(EXERCISES[name], namespace[f"my_{name}"], seed=SEED)
        rest = [line for line in outcomes[name].says.splitlines() if not line.startswith("  line:")]
        assert rest == says.splitlines()
        assert outcomes[name].state == TRIED


@pytest.mark.parametrize(
    ("name", "code", "mistake"),
    [
        ("bradley_terry_loss", WRONG["bradley_terry_loss"][0], "the minus sign is missing"),
        ("k1", FUNCTION.format("return ref_logprobs - logprobs"), "k1 is measured from the reference"),
        ("k1", FUNCTION.format("return bogus"), "stops with NameError"),
        ("k1", FUNCTION.format("pass"), "returns None"),
        (
            "train_on_ratings",
            solutions()["train_on_ratings"].replace("            optimizer.zero_grad()\n", ""),
            "gradients pile up: zero_grad() is missing, or comes too seldom",
        ),
        ("train_ppo", solutions()["train_ppo"].replace("optimizer.step()", "pass"), "step() is missing"),
    ],
)
def test_mistakes_have_their_names(judge, folder, name, code, mistake):
    outcomes, _ = judged(judge, folder, code)
    assert (outcomes[name].state, outcomes[name].mistake) == (TRIED, mistake)


def test_a_stub_is_not_tried_and_the_library_goes_before_the_notebook(judge, folder):
    stub = "def my_k1(logprobs, ref_logprobs):\n    raise NotImplementedError\n"
    assert judged(judge, folder, stub)[0]["k1"].state == NOT_TRIED
    both = [Source("my_rlhf.py", K1), Source("02.ipynb", stub + K1.replace("k1", "k2"))]
    outcomes, _ = judge.judge(both, folder)
    assert (outcomes["k1"].state, outcomes["k2"].state) == (PASSED, TRIED)


def test_a_notebook_may_import_what_is_kept(judge, folder):
    square = "def my_k2(logprobs, ref_logprobs):\n    return my_k1(logprobs, ref_logprobs) ** 2 / 2"
    written = f"from my_rlhf import my_k1\n{square}"
    outcomes, told = judge.judge([Source("my_rlhf.py", K1), Source("03.ipynb", written)], folder)
    assert (outcomes["k2"].state, told) == (PASSED, [])


@pytest.mark.parametrize(
    "code",
    [
        "from course_lib.equations.advantages import gae as my_gae_of\n"
        "def my_gae(*inputs, **options):\n    return my_gae_of(*inputs, **options)",
        "import course_lib.equations.advantages as a\n"
        "def my_gae(*inputs, **options):\n    return a.gae(*inputs, **options)",
        "from course_lib.classroom.exercises.check import EXERCISES\nours = EXERCISES['gae'].reference\n"
        "def my_gae(*inputs, **options):\n    return ours(*inputs, **options)",
        "from course_lib.equations.advantages import gae\n"
        "def my_gae(rewards, *inputs, **options):\n    try: return gae(rewards, *inputs, **options)\n"
        "    except Exception: return rewards",
        "from course_lib.equations.advantages import gae\nseen = {}\n"
        "def my_gae(*inputs, **options):\n    key = [i.tolist() for i in inputs], options\n"
        "    try: seen[str(key)] = gae(*inputs, **options)\n    except Exception: pass\n    return seen[str(key)]",
        "import inspect, types\nfrom course_lib.equations.advantages import gae\nours = inspect.unwrap(gae)\n"
        "own = types.FunctionType(ours.__code__, ours.__globals__)\nown.__kwdefaults__ = ours.__kwdefaults__\n"
        "def my_gae(*inputs, **options):\n    return own(*inputs, **options)",
        "from course_lib.classroom.exercises.loops import train_on_ratings\n"
        "def my_train_on_ratings(*inputs, **options):\n    return train_on_ratings(*inputs, **options)",
    ],
)
def test_who_only_calls_the_library_is_told_apart(judge, folder, code):
    (outcome,) = judged(judge, folder, code)[0].values()
    assert (outcome.state, outcome.mistake) == (LIBRARY, "it calls the library's own function")


def test_who_copies_the_library_word_for_word_is_told_apart(judge, folder):
    text = inspect.getsource(train_reward_model)
    names = "from collections.abc import Callable\nfrom torch import nn, Tensor\nfrom jaxtyping import Float\n"
    outcomes, _ = judged(judge, folder, names + text.replace("def train", "def my_train").replace('"""The', '"""My'))
    assert outcomes["train_reward_model"].state == LIBRARY
    other = names + text.replace("def train", "def my_train").replace("losses", "found")
    assert judged(judge, folder, other)[0]["train_reward_model"].state == PASSED


def test_a_function_too_deep_to_be_shown_takes_no_other_along(judge, folder):
    deep = f"def my_k2(a, b):\n    return 0 * ({'+'.join(['a'] * 700)}) + (a - b) ** 2 / 2\n"
    outcomes, told = judged(judge, folder, deep + K1)
    assert (outcomes["k1"].state, outcomes["k2"].state) == (PASSED, PASSED)
    assert told == ["my_k2 passes, but no `def` of it was handed in: see where it is from."]


def test_a_function_whose_text_is_nowhere_is_named(judge, folder):
    outcomes, told = judged(judge, folder, "exec('def my_k1(logprobs, ref_logprobs): return logprobs - ref_logprobs')")
    assert outcomes["k1"].state == PASSED
    assert told[0] == "my_k1 passes, but no `def` of it was handed in: see where it is from."


@pytest.mark.parametrize(
    ("code", "uses"),
    [
        ("import os\nos.environ", "os"),
        (
            "from course_lib.publish.results.pupil import Pupil\nPupil.call = Pupil.call",
            "course_lib.publish",
        ),
        ("torch.allclose = torch.allclose", "other names for what it imports"),
        ("print.__self__", "names in double underscores"),
        ("exec('1')", "exec"),
    ],
)
def test_code_that_could_change_its_process_is_to_be_read(judge, folder, code, uses):
    outcomes, (told,) = judged(judge, folder, f"{code}\n{K1}")
    assert outcomes["k1"].state == PASSED
    assert told.startswith(f"my_rlhf.py uses {uses}")
    assert told.endswith(": read it before you trust it.")


def test_nothing_in_the_course_s_own_notebooks_is_to_be_read():
    for path in NOTEBOOKS:
        assert not reaches_for(code_of_notebook(path.read_text(encoding="utf-8"), path.name))
    assert not any(map(reaches_for, solutions().values()))


def test_files_of_others_and_the_teacher_s_environment_cannot_be_read(judge, folder, monkeypatch):
    other = Path(mkdtemp())
    other.chmod(0o755)
    (other / "my_rlhf.py").write_text(K1)
    (other / "my_rlhf.py").chmod(0o644)
    code = FUNCTION.format("raise ValueError({})")
    asked = {"open({!r}).read()": other / "my_rlhf.py", "open({!r}).read() ": f"/proc/{os.getpid()}/cmdline"}
    for ask, path in asked.items():
        outcomes, _ = judged(judge, folder, code.format(ask.format(str(path))))
        if judge.missing:
            pytest.skip(f"this system lacks {', '.join(judge.missing)}")
        assert outcomes["k1"].mistake == "stops with PermissionError"
    outcomes, _ = judged(judge, folder, "import os\n" + code.format("sorted(os.environ)"))
    assert "['HOME', 'PATH', 'TMPDIR']" in outcomes["k1"].says
    shutil.rmtree(other)


def test_a_notebook_that_draws_and_loads_the_course_s_data_runs(judge, folder):
    cells = "from matplotlib import pyplot as plt\nfrom course_lib.training.ratings import load_ratings\n"
    draws = "plt.figure(); plt.plot([1]); plt.title(str(len(load_ratings()))); plt.savefig('x.png')"
    own = f"FIRST = [1]\ndef my_k1(a, b):\n    if FIRST:\n        FIRST.pop(); {draws}\n    return a - b\n"
    outcomes, told = judged(judge, folder, cells + own, file="01.ipynb")
    assert (outcomes["k1"].state, told) == (PASSED, [])


# what comes of each: state and mistake of my_k1, None where there is no such function any more
HARM = {
    "endless loop": "it does not end",
    "endless import": None,
    "exits": "stops with SystemExit",
    "leaves at once": None,
    "forks": "",
    "deletes": "it may not delete files here",
    "deletes below Python": "stops with RuntimeError",
    "patches the check": "the result is not the expected one",
    "knows the answers by heart": "the result is not the expected one",
    "kills": "it may not end a process here",
    "closes everything": "its process has ended",
    "forges answers": None,
    "calls out": "it may not open a connection here",
    "fills the disk with files": "it may not write more than 50 files",
    "crashes": "its process has ended",
    "interrupts": "stops with KeyboardInterrupt",
    "is deaf": "it does not end",
    "returns a monster": "stops with SystemExit",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_harm_harms_neither_the_next_student_nor_what_is_outside(judge, folder, monkeypatch, name):
    monkeypatch.setattr(module, "SECONDS", SECONDS | {"calls": 3.0, "load": 3.0})
    victim = Path(mkdtemp())
    (victim / "kept.txt").write_text("kept")
    victim.chmod(0o777)
    before = children()
    outcomes, told = judged(judge, folder, HOSTILE[name].replace("{victim!r}", repr(str(victim))))
    if name == "deletes below Python" and judge.missing:
        pytest.skip(f"this system lacks {', '.join(judge.missing)}")
    if name in HARM:
        assert (outcomes["k1"].mistake if "k1" in outcomes else None) == HARM[name]
        assert told or outcomes["k1"].mistake
    elif name != "calls ours":
        assert outcomes["k1"].state == TRIED
    assert (victim / "kept.txt").read_text() == "kept"
    assert children() == before
    following, _ = judged(judge, folder, K1)
    assert following["k1"].state == PASSED
    shutil.rmtree(victim)


def test_a_process_that_is_set_free_is_ended_too(judge, folder):
    """By a way round the guard: below Python's own names for it."""
    below = (
        "import os\nfrom _posixsubprocess import fork_exec\ntry:\n"
        "    fork_exec([b'/bin/sleep', b'77.7'], [b'/bin/sleep'], True, (), None, None, -1, -1, -1, -1, -1, -1, "
        "*os.pipe(), True, True, 0, None, None, None, -1, None, False)\n"
        "except OSError:\n    pass\n"
    )
    judged(judge, folder, below + K1)
    running = subprocess.run(["ps", "ax"], capture_output=True, text=True, check=True).stdout
    assert "sleep 77.7" not in running


def test_the_time_for_one_student_is_bounded(judge, folder, monkeypatch):
    monkeypatch.setattr(judge, "in_all", 2.0)
    endless = "".join(f"def my_{name}(*_, **__):\n    while True: pass\n" for name in list(KNOWN)[:6])
    outcomes, _ = judged(judge, folder, endless)
    assert "not looked at: the time for one student was over" in {outcome.mistake for outcome in outcomes.values()}
    assert len(outcomes) == 6
