"""The cockpit at a tiny size: every button, every corner of every slider, and trainings that go wrong."""

import asyncio
import base64
import signal
import sys
import time

import pytest
import torch

from course_lib.classroom.exercises.my_library import LIBRARY
from course_lib.classroom.live_run import recorded_runs
from course_lib.classroom.widgets import cockpit as cockpit_module
from course_lib.classroom.widgets.cockpit import MINE, OURS, SHOWN, SLIDERS, Cockpit
from course_lib.classroom.words import number
from course_lib.equations.ppo import clipped_objective
from course_lib.training import own_reward, setup
from course_lib.training.experiments.recordings import Recording
from course_lib.training.ppo import PPO
from course_lib.training.ratings import load_ratings
from course_lib.training.settings import RunSettings

REVIEWS = {split: load_ratings(split=split)[:60] for split in ("train", "test")}
TEXTS = ("distinct_2", "response_length", "top_word_share")


def recording(kl_coef: float) -> Recording:
    """A run of three steps, whose curves rise the faster the smaller its coefficient."""
    metrics = {name: [step / (1 + kl_coef) for step in (1, 2, 3)] for name in (*SHOWN, *TEXTS)}
    sample = {"prompt": "a", "before": "a film", "after": "a great film", "score_before": 0.0, "score_after": 2.0}
    return Recording("kl_coef", 0, {}, metrics | {"step": [1, 2, 3], "kl_coef": [kl_coef] * 3}, {}, {}, [sample])


RECORDED = {kl_coef: recording(kl_coef) for kl_coef in (0.0, 0.12)}
OBJECTIVE = """
def my_clipped_objective(ratio, advantages, *, clip_eps):
    calls.append(clip_eps)
    return clipped_objective(ratio, advantages, clip_eps=clip_eps)
"""


@pytest.fixture(autouse=True)
def few_reviews(monkeypatch):
    monkeypatch.setattr(setup, "load_ratings", lambda split: REVIEWS[split])


@pytest.fixture
def make(checkpoint, reward_checkpoint):
    def make(*, iterations=3, **options):
        settings = RunSettings(
            model=str(checkpoint),
            reward_model=str(reward_checkpoint),
            iterations=iterations,
            batch_size=8,
            response_len=6,
            evaluation_prompts=6,
        )
        return Cockpit(settings, **({"recorded": {}} | options))

    return make


def usable(cockpit):
    return {name for name, button in cockpit.buttons.items() if not button.disabled}


async def until(condition):
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen within ten seconds")


def test_one_step_returns_the_record_and_shows_it(make):
    cockpit = make()
    assert usable(cockpit) == {"start", "one_step"}
    before = cockpit.png
    record = cockpit.one_step()
    assert record["step"] == 1
    assert record["kl"] == pytest.approx(0, abs=1e-4)
    assert cockpit.says.startswith("Paused. Step 1 of 3: score ")
    assert cockpit.png != before
    assert usable(cockpit) == {"start", "one_step", "stop", "reset"}
    assert [cockpit.one_step()["step"] for _ in range(2)] == [2, 3]
    assert cockpit.one_step() is None
    assert cockpit.says.startswith("Done. Step 3 of 3")
    assert usable(cockpit) == {"reset"}


def test_the_texts_are_those_of_the_same_prompts_and_escaped(make):
    cockpit = make()
    cockpit.one_step()
    assert len(cockpit.live.before) == len(cockpit.live.now) == 6
    for before, now in zip(cockpit.live.before, cockpit.live.now, strict=True):
        assert before["prompt"] == now["prompt"]
        assert now["text"].startswith(now["prompt"])
    cockpit.live.now[0]["text"] = cockpit.live.now[0]["prompt"] + "<script>"
    cockpit.refresh()
    assert "&lt;script&gt;" in cockpit.texts.value
    assert "<script>" not in cockpit.texts.value


@pytest.mark.parametrize("name", SLIDERS)
@pytest.mark.parametrize("end", [0, -1])
def test_a_slider_acts_on_the_running_training(make, name, end):
    cockpit = make()
    cockpit.one_step()
    value = SLIDERS[name][1][end]
    cockpit.sliders[name].value = value
    record = cockpit.one_step()
    assert cockpit.moved_at == [2]
    shown = record[name] / (2 / 3) if name == "learning_rate" else record[name]
    assert shown == pytest.approx(value)


def test_the_kernel_s_stop_button_is_a_pause(make):
    async def press():
        cockpit = make(iterations=50)
        cockpit.buttons["start"].click()
        await until(lambda: cockpit.live.records)
        signal.raise_signal(signal.SIGINT)
        await until(lambda: cockpit.says.startswith("Paused"))
        assert usable(cockpit) == {"start", "one_step", "stop", "reset"}
        assert signal.getsignal(signal.SIGINT) is ours

    def ours(*_):  # as a kernel has it while no cell runs
        raise AssertionError("nobody heeds it")

    before = signal.signal(signal.SIGINT, ours)
    try:
        asyncio.run(press())
    finally:
        signal.signal(signal.SIGINT, before)


def test_start_pause_resume_stop_and_reset(make):
    async def press():
        cockpit = make(iterations=50)
        cockpit.buttons["start"].click()
        await until(lambda: len(cockpit.live.records) >= 2)
        assert usable(cockpit) == {"pause", "stop"}
        assert cockpit.equations.disabled
        cockpit.buttons["pause"].click()
        await until(lambda: cockpit.says.startswith("Paused"))
        assert not cockpit.equations.disabled
        steps = len(cockpit.live.records)
        await asyncio.sleep(0.1)
        assert len(cockpit.live.records) == steps
        cockpit.buttons["one_step"].click()
        await until(lambda: cockpit.says.startswith("Paused") and len(cockpit.live.records) > steps)
        assert len(cockpit.live.records) == steps + 1
        cockpit.buttons["start"].click()
        await until(lambda: len(cockpit.live.records) > steps + 1)
        cockpit.buttons["stop"].click()
        await until(lambda: cockpit.says.startswith("Stopped") and not cockpit.training)
        steps = len(cockpit.live.records)
        await asyncio.sleep(0.1)
        assert len(cockpit.live.records) == steps
        assert usable(cockpit) == {"reset"}
        assert cockpit.one_step() is None
        cockpit.buttons["reset"].click()
        assert cockpit.says.startswith("Ready")
        assert cockpit.one_step()["step"] == 1

    asyncio.run(press())


def test_pressing_twice_does_not_train_twice(make):
    async def press():
        cockpit = make(iterations=4)
        for _ in range(3):
            cockpit.press_start()
        await until(lambda: cockpit.says.startswith("Done"))
        assert [record["step"] for record in cockpit.live.records] == [1, 2, 3, 4]

    asyncio.run(press())


def test_a_new_cockpit_stops_the_one_before(make):
    async def press():
        old = make(iterations=50)
        old.buttons["start"].click()
        await until(lambda: len(old.live.records) >= 1)
        make()
        await until(lambda: not old.training)
        steps = len(old.live.records)
        await asyncio.sleep(0.1)
        assert len(old.live.records) == steps < 50
        assert old.says.startswith("Stopped")

    asyncio.run(press())


def test_without_a_notebook_a_button_works_until_its_steps_are_done(make):
    cockpit = make()
    cockpit.buttons["start"].click()
    assert cockpit.says.startswith("Done. Step 3 of 3")


def test_a_students_objective_takes_the_place_of_ours(make):
    calls = []

    def my_clipped_objective(ratio, advantages, *, clip_eps):
        calls.append(clip_eps)
        return clipped_objective(ratio, advantages, clip_eps=clip_eps)

    cockpit = make(method=PPO(clipped_objective=my_clipped_objective))
    cockpit.sliders["clip_eps"].value = 0.1
    cockpit.one_step()
    assert set(calls) == {0.1}


def test_the_switch_trains_with_the_students_library_over_ours_in_grey(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    cockpit = make(recorded=RECORDED)
    ours = cockpit.one_step()
    cockpit.equations.value = MINE
    assert cockpit.says.startswith("Stopped. Expected a function of yours that PPO climbs by in my_rlhf.py")
    assert usable(cockpit) == {"reset"}

    LIBRARY.write_text(f"from {clipped_objective.__module__} import clipped_objective\ncalls = []\n{OBJECTIVE}")
    cockpit.buttons["reset"].click()
    assert cockpit.says == "Ready: Start trains the small GPT-2 on this machine with your clipped_objective."
    assert grey(cockpit) == "grey: ours, recorded with a KL coefficient of 0.12 and the default settings"
    mine = cockpit.one_step()
    assert {name: mine[name] for name in ("score", "kl", "policy_loss")} == pytest.approx(
        {name: ours[name] for name in ("score", "kl", "policy_loss")}
    )
    assert sys.modules["own_equations_of_my_rlhf"].calls

    cockpit.buttons["reset"].click()
    LIBRARY.write_text(OBJECTIVE)  # without its import, and read when the run begins
    cockpit.buttons["one_step"].click()
    assert not cockpit.live.records
    assert "my_rlhf.py, line 3, with NameError" in cockpit.says
    cockpit.equations.value = OURS
    assert cockpit.says == "Ready: Start trains the small GPT-2 on this machine."
    assert cockpit.one_step()["score"] == pytest.approx(ours["score"])


def test_a_method_that_is_given_takes_the_place_of_the_switch(make):
    cockpit = make()
    assert cockpit.switch in cockpit.controls.children
    cockpit = make(method=PPO(clipped_objective=lambda *inputs, **options: None))
    assert cockpit.switch not in cockpit.controls.children


@pytest.mark.parametrize(
    ("objective", "says"),
    [
        (lambda ratio, advantages: ratio * advantages, "TypeError"),
        (lambda ratio, advantages, *, clip_eps: ratio * float("nan"), "Expected finite numbers"),
        (lambda ratio, advantages, *, clip_eps: advantages.mean(), "Expected shape"),
    ],
)
def test_what_goes_wrong_in_the_training_becomes_the_sentence(make, objective, says):
    cockpit = make(method=PPO(clipped_objective=objective))
    assert cockpit.one_step() is None
    assert cockpit.says.startswith("Stopped. ")
    assert says in cockpit.says
    assert usable(cockpit) == {"reset"}


def test_weights_that_are_no_longer_finite_end_the_run(make, monkeypatch):
    cockpit = make()
    cockpit.one_step()
    real_step = torch.optim.Adam.step

    def blow_up(optimizer):
        real_step(optimizer)
        optimizer.param_groups[0]["params"][-1].data.fill_(float("nan"))

    monkeypatch.setattr(torch.optim.Adam, "step", blow_up)
    cockpit.settings.epochs = cockpit.settings.minibatches = 1
    assert cockpit.one_step() is None
    assert "blown up" in cockpit.says


def grey(cockpit):
    """What the picture says of the grey run."""
    return "".join(text.get_text() for text in cockpit.curves.figure.texts)


def test_the_grey_run_is_the_recorded_one_with_the_coefficient_of_the_slider(make):
    cockpit = make(recorded=RECORDED)
    assert grey(cockpit) == "grey: recorded with a KL coefficient of 0.12 and the default settings"
    first = cockpit.png
    cockpit.sliders["kl_coef"].value = 0.0
    assert "of 0 and" in grey(cockpit)
    assert cockpit.png != first
    cockpit.sliders["kl_coef"].value = 0.2  # of which there is none
    assert grey(cockpit) == ""


def test_each_place_of_the_slider_has_its_recorded_run():
    assert set(SLIDERS["kl_coef"][1]) == set(recorded_runs())


def test_while_it_trains_each_beat_is_a_new_sign_of_life(make, monkeypatch):
    monkeypatch.setattr(cockpit_module, "BEAT", 0.02)

    async def press():
        cockpit, seen = make(iterations=50), set()
        cockpit.sentence.observe(lambda change: seen.add(change["new"]), names="value")
        assert "No sign of life" not in cockpit.sentence.value
        real_step = cockpit.live.step
        monkeypatch.setattr(cockpit.live, "step", lambda: time.sleep(0.3) or real_step())
        cockpit.press_one_step()
        await until(lambda: cockpit.live.records and not cockpit.training)
        assert len([words for words in seen if "No sign of life for 15 seconds" in words]) > 5
        assert "No sign of life" not in cockpit.sentence.value

    asyncio.run(press())


def test_without_a_kernel_a_picture_and_words_are_left(make):
    bundle = make()._repr_mimebundle_()
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert bundle["text/plain"] == "Ready: Start trains the small GPT-2 on this machine."


def test_without_a_kernel_a_recorded_run_stands_for_one_that_has_not_begun(make):
    cockpit = make(recorded=RECORDED)
    bundle = cockpit._repr_mimebundle_()
    assert bundle["text/plain"].startswith("A recorded run with a KL coefficient of 0.12. Step 3 of 3: score +2.68 sd")
    cockpit.one_step()
    assert cockpit._repr_mimebundle_()["image/png"] != bundle["image/png"]
    assert cockpit._repr_mimebundle_()["text/plain"] == cockpit.says


def test_values_out_of_view_make_room_for_themselves(make):
    cockpit = make()
    cockpit.one_step()
    for kl in (300.0, None):
        cockpit.live.records.append(cockpit.live.records[-1] | {"step": 2, "kl": kl})
        cockpit.refresh()
    assert cockpit.curves.axes[2].get_ylim()[1] > 300


def lengths(texts):
    return [len(text) for text in texts]


def test_a_reward_of_the_student_s_own_is_pleased_and_people_s_reward_model_looks_on(make):
    cockpit = make(reward=lengths, recorded=None)
    assert [ax.get_title(loc="left") for ax in cockpit.curves.axes][:3] == [
        "Your reward",
        "People’s reward model",
        "Independent judge",
    ]
    record = cockpit.one_step()
    assert {"score", "reward_model", "judge"} <= record.keys()
    assert f"sd, people’s reward model {number(record['reward_model'])} sd, KL" in cockpit.says
    assert cockpit.curves.moving[1][0].get_ydata().tolist() == [record["reward_model"]]
    assert "your reward" in cockpit.texts.value
    assert "people’s reward model" in cockpit.texts.value
    scores, texts = zip(*((row["score"], len(row["text"])) for row in cockpit.live.now), strict=True)
    assert torch.corrcoef(torch.tensor([scores, texts]))[0, 1].item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("reward", "says"),
    [
        (lambda texts: [1.0] * len(texts), "to tell texts apart, but all"),
        (lambda texts: ["good"] * len(texts), "but 'good' came for the text"),
        (lambda texts: texts.nothing, "stops with AttributeError"),
    ],
)
def test_what_is_wrong_with_a_reward_becomes_the_sentence(make, reward, says):
    cockpit = make(reward=reward)
    assert cockpit.one_step() is None
    assert cockpit.says.startswith("Stopped. Expected ")
    assert says in cockpit.says
    assert "line " in cockpit.says
    assert usable(cockpit) == {"reset"}


def test_the_settings_may_name_the_reward(tmp_path):
    (tmp_path / "rules.py").write_text("def joy(texts):\n    return [text.count('joy') for text in texts]\n")
    cockpit = Cockpit(RunSettings(reward=f"{tmp_path / 'rules.py'}:joy"))
    assert cockpit.curves.axes[0].get_title(loc="left") == "Your reward"
    assert cockpit.reward.score(["joy, joy", ""]).tolist() == [2, 0]


def test_a_slow_reward_says_so_while_it_goes_on(make, monkeypatch):
    monkeypatch.setattr(own_reward, "SLOW", 0.01)
    monkeypatch.setattr(cockpit_module, "BEAT", 0.02)

    def my_reward(texts):
        time.sleep(0.1)
        return lengths(texts)

    async def press():
        cockpit = make(iterations=1, reward=my_reward)
        cockpit.buttons["one_step"].click()
        await until(lambda: "Expected a score within seconds from your my_reward" in cockpit.says)
        assert cockpit.says.startswith("Finishing this step.")
        await until(lambda: cockpit.says.startswith("Done"))

    asyncio.run(press())
