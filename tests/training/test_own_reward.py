"""A reward of a student's own: what it may return, what is wrong with it in one sentence, and who takes it."""

import copy
import sys
import time

import numpy as np
import pytest
import torch

from course_lib.training import own_reward as own_reward_file
from course_lib.training import setup as setup_file
from course_lib.training.files.errors import CourseError
from course_lib.training.own_reward import OwnReward, read_reward
from course_lib.training.ppo import PPO
from course_lib.training.ratings import load_ratings
from course_lib.training.relatives.best_of_n import best_of_n
from course_lib.training.relatives.dpo import dpo
from course_lib.training.relatives.on_policy import GRPO, REINFORCE, RLOO
from course_lib.training.reward_model import load_reward_model
from course_lib.training.settings import RunSettings
from course_lib.training.setup import Setup

TEXTS = ["A fine film.", "Dull.", "Ugh"]
LENGTHS = [12, 5, 3]


def lengths(texts):
    return [len(text) for text in texts]


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a Python file; returns its path."""
    monkeypatch.setattr(sys, "path", [*sys.path])

    def write(content, name="rules.py"):
        (tmp_path / name).write_text(content, encoding="utf-8")
        return tmp_path / name

    return write


@pytest.mark.parametrize(
    "form",
    [
        list,
        tuple,
        np.array,
        torch.tensor,
        lambda numbers: torch.tensor(numbers, dtype=torch.float64),
        lambda numbers: [torch.tensor(number) for number in numbers],
        lambda numbers: [*np.array(numbers, dtype=np.float32)],
    ],
)
def test_numbers_may_come_as_a_list_a_tuple_an_array_or_a_tensor(form):
    reward = OwnReward(lambda texts: form(lengths(texts)))
    reward.gain, reward.bias = 0.5, 1.0
    scores = reward.score(TEXTS)
    assert scores.tolist() == [7, 3.5, 2.5]
    assert scores.dtype == torch.float32


def test_a_learned_reward_carries_no_gradient():
    weight = torch.ones(3, requires_grad=True)
    assert not OwnReward(lambda texts: weight * 2).score(TEXTS).requires_grad


BAD = {
    "a number for all": (lambda texts: 1.0, "Expected a list of 3 numbers .*, but a value of type float came"),
    "a truth for all": (lambda texts: "fine" in texts, "but a value of type bool came"),
    "an answer that is none": (lambda texts: None, "but a value of type NoneType came"),
    "a text": (lambda texts: "fine", "but a value of type str came"),
    "a map": (lambda texts: map(len, texts), "but a value of type map came; return a list"),
    "too few": (lambda texts: lengths(texts)[1:], "a number for each of 3 texts .*, but 2 came"),
    "too many": (lambda texts: [*lengths(texts), 0], "but 4 came"),
    "strings": (lambda texts: [str(len(text)) for text in texts], "but '12' came for the text 'A fine film.'"),
    "one None": (lambda texts: [1.0, None, 2.0], "but None came for the text 'Dull.'"),
    "truths": (lambda texts: ["fine" in text for text in texts], "but True came .* return a number such as 1.0"),
    "truths in a tensor": (lambda texts: torch.tensor([True, False, True]), "but True came"),
    "NaN": (lambda texts: [1.0, 2.0, float("nan")], "but nan came for the text 'Ugh'"),
    "infinity": (lambda texts: np.array([1.0, np.inf, 0.0]), "but inf came for the text 'Dull.'"),
    "what float32 cannot hold": (lambda texts: [1.0, 1e300, 0.0], "but 1e[+]300 came"),
    "a whole number beyond all floats": (lambda texts: [1.0, 10**400, 0.0], "but 1000.* came"),
    "a column": (lambda texts: torch.ones(3, 1), "but .1.0. came"),
    "a changed list": (lambda texts: texts.reverse() or [1.0, 2.0, 3.0], "but it changes its list; copy it"),
    "a shorter list": (lambda texts: [1.0, 2.0, float(len(texts.pop()))], "but it changes its list"),
    "nothing yet": (OwnReward.numbers, "TypeError"),
    "an exit": (lambda texts: sys.exit("out"), "stops with SystemExit: out; mend it"),
}


@pytest.mark.parametrize(("function", "said"), BAD.values(), ids=BAD.keys())
def test_what_is_wrong_with_a_reward_is_one_sentence_with_its_line(function, said):
    texts = list(TEXTS)
    with pytest.raises(CourseError, match=said) as error:
        OwnReward(function).score(texts)
    assert str(error.value).startswith("Expected ")
    assert "\n" not in str(error.value)
    assert f"line {function.__code__.co_firstlineno})" in str(error.value)
    assert texts == TEXTS


def test_the_line_that_stops_is_named(write):
    lines = ["def my_reward(texts):", "    total = len(texts)", "    return [total / 0 for _ in texts]"]
    reward = read_reward(f"{write(chr(10).join(lines))}:my_reward")
    with pytest.raises(CourseError, match=r"my_reward \(rules.py, line 1\), but rules.py, line 3, stops with Zero"):
        reward.score(TEXTS)
    reward = read_reward(f"{write('def my_reward(texts):' + chr(10) + '    raise NotImplementedError')}:my_reward")
    with pytest.raises(CourseError, match="but it is not written yet"):
        reward.score(TEXTS)


def test_a_slow_reward_is_told_once_with_the_line_that_it_is_in(write, monkeypatch):
    monkeypatch.setattr(own_reward_file, "SLOW", 0.02)
    lines = ["import time", "def my_reward(texts):", "    time.sleep(0.2)", "    return [1.0] * len(texts)"]
    reward, told = read_reward(f"{write(chr(10).join(lines))}:my_reward"), []
    reward.tell = told.append
    for _ in range(2):
        assert reward.score(TEXTS).tolist() == [1.0] * 3
    assert len(told) == 1
    assert "after 0.02 s with 3 texts it is still in rules.py, line 3; each step asks it again" in told[0]


def test_a_quick_reward_is_not_told(monkeypatch):
    monkeypatch.setattr(own_reward_file, "SLOW", 0.02)
    told = []
    OwnReward(lengths, tell=told.append).score(TEXTS)
    time.sleep(0.05)
    assert told == []


FILES = {
    "no colon": ("", "rules.py", "Expected --reward as FILE.py:FUNCTION, got '.*rules.py'; put a colon"),
    "no name": ("", "rules.py:", "Expected --reward as FILE.py:FUNCTION"),
    "a drive alone": ("", "C:\\rules.py", "Expected --reward as FILE.py:FUNCTION"),
    "no file": ("", "nowhere.py:joy", "Expected a reward in the file .*nowhere.py, but there is no such file"),
    "another function": ("def joy(texts): ...", "rules.py:joi", "a function joi in .*rules.py, but it has joy; check"),
    "no function": ("import math", "rules.py:joy", "but it has none"),
    "no function under the name": ("joy = 3", "rules.py:joy", "returns numbers, but 3 came; give a function"),
    "a file that stops": ("import nothing_so_called", "rules.py:joy", "line 1, stops with ModuleNotFoundError"),
    "a file that is none": ("def joy(", "rules.py:joy", "line 1, stops with SyntaxError"),
}


@pytest.mark.parametrize(("content", "given", "said"), FILES.values(), ids=FILES.keys())
def test_what_is_wrong_with_a_file_is_one_sentence(write, content, given, said):
    folder = write(content).parent
    with pytest.raises(CourseError, match=said) as error:
        read_reward(given if given.startswith("C:") else f"{folder}/{given}")
    assert "\n" not in str(error.value)


def test_a_file_may_print_import_its_neighbours_and_hold_an_object_that_is_called(write, capsys):
    write("SIGN = -1.0", "neighbour.py")
    lines = [
        "from neighbour import SIGN",
        "print('here')",
        "class Rule:",
        "    def __call__(self, texts):",
        "        print('asked')",
        "        return [SIGN for _ in texts]",
        "rule = Rule()",
    ]
    reward = read_reward(f"{write(chr(10).join(lines))}:rule")
    assert reward.score(TEXTS).tolist() == [-1.0] * 3
    assert capsys.readouterr().out == "here\nasked\n"


@pytest.fixture(scope="module")
def begin(tiny_run):
    """A setup with other settings, made of few reviews."""
    reviews = {split: load_ratings(split=split)[:40] for split in ("train", "test")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(setup_file, "load_ratings", lambda split: reviews[split])
        patch.setattr(setup_file, "REFERENCE_SAMPLES", 32)
        yield lambda **changes: Setup(RunSettings(**tiny_run | changes))


@pytest.fixture(scope="module")
def setup(begin):
    return begin()


@pytest.fixture(scope="module")
def people(tiny_run):
    return load_reward_model(tiny_run["reward_model"])


def test_scores_of_a_reward_have_mean_0_and_sd_1_on_the_references_texts_and_people_look_on(setup, people):
    scorer, rollout = setup.scorer(people, reward=lengths), setup.reference_samples()
    scores, texts = scorer.score(rollout), scorer.texts(rollout)
    assert scores.mean().item() == pytest.approx(0, abs=1e-4)
    assert scores.std(correction=0).item() == pytest.approx(1, abs=1e-4)
    assert np.corrcoef(scores, lengths(texts))[0, 1] == pytest.approx(1)
    assert scorer.measure(rollout)["reward_model"] == pytest.approx(0, abs=1e-4)
    metrics, rows = setup.evaluate(scorer, prompts=4)
    assert metrics["reward_model"] == pytest.approx(np.mean([row["reward_model"] for row in rows]), abs=1e-5)
    assert rows[0]["reward_model"] == pytest.approx(people.score([rows[0]["text"]]).item(), abs=1e-5)


def test_a_constant_reward_is_one_sentence(setup, people):
    with pytest.raises(CourseError, match=r"your .* to tell texts apart, but all 32 that the policy wrote get 2;"):
        setup.scorer(people, reward=lambda texts: [2.0] * len(texts))


def test_a_reward_model_of_ones_own_keeps_its_scale_and_gives_values(begin, people):
    setup = begin()
    scorer = setup.scorer(people, reward=people)
    scorer.reward_model.gain = 7.0
    assert people.gain != 7.0
    setup.start(scorer.reward_model)
    assert setup.policy.value_trunk is not None


def test_values_come_from_the_policy_which_is_said_once(begin, people, capsys):
    setup = begin()
    records = setup.records(setup.scorer(people, reward=lengths))
    first = next(records)
    assert setup.policy.value_trunk is None
    assert {"score", "reward_model", "judge"} <= first.keys()
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "A reward of your own cannot read" in said


@pytest.mark.parametrize("method", [PPO(), REINFORCE(), RLOO(), GRPO()], ids=lambda method: type(method).__name__)
def test_every_method_climbs_a_reward(begin, people, method):
    setup = begin(iterations=2, learning_rate=0.01)
    before = copy.deepcopy(setup.policy.lm.state_dict())
    records = list(setup.records(setup.scorer(people, reward=lengths), method=method))
    assert [record["step"] for record in records] == [1, 2]
    assert any(not torch.equal(before[name], tensor) for name, tensor in setup.policy.lm.state_dict().items())


def test_dpo_and_best_of_n_take_a_reward_too(begin, people):
    setup = begin(iterations=2)
    score = setup.scorer(people, reward=lengths).score
    models = setup.policy, setup.reference, setup.training_prompts
    assert [record["step"] for record in dpo(*models, score, settings=setup.settings)] == [1, 2]
    options = {"settings": setup.settings, "generator": setup.generator(4), "sizes": (1, 2, 4)}
    scores = [record["score"] for record, _ in best_of_n(setup.reference, setup.test_prompts, score, **options)]
    assert scores == sorted(scores)


def test_a_fault_in_the_middle_stops_the_training_before_it_spoils_a_weight(begin, people):
    setup, calls = begin(), []

    def my_reward(texts):
        calls.append(len(texts))
        return lengths(texts) if len(calls) < 3 else [float("nan")] * len(texts)

    records = setup.records(setup.scorer(people, reward=my_reward))
    next(records)
    weights = copy.deepcopy(setup.policy.state_dict())
    with pytest.raises(CourseError, match="but nan came for the text"):
        next(records)
    assert all(torch.equal(weights[name], tensor) for name, tensor in setup.policy.state_dict().items())
