"""The whole run at a tiny size, and every way a user can give it something it cannot work with."""

import json

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from course_lib import __main__ as command_line
from course_lib.training import setup
from course_lib.training.language_model import load_language_model
from course_lib.training.settings import VALUE_NETWORKS

TINY = ["--iterations", "2", "--batch-size", "8", "--response-len", "6", "--evaluation-prompts", "16"]


@pytest.fixture
def run(checkpoint, reward_checkpoint, tmp_path, capsys):
    """Call the command line on tiny models; returns the exit code, what it printed as errors, and the run folder."""

    def call(*arguments):
        given = ["--model", str(checkpoint), "--reward-model", str(reward_checkpoint), "--out", str(tmp_path / "out")]
        code = command_line.main(["run", *TINY, *given, *arguments])
        return code, capsys.readouterr().err, tmp_path / "out"

    return call


def test_a_run_leaves_everything_it_promises(run):
    code, _, folder = run()
    assert code == 0
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records] == [1, 2]
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["seconds"] > 0
    promised = {
        "score_before",
        "score_after",
        "kl",
        "judge_before",
        "judge_after",
        "eos_share",
        "distinct_2",
        "seconds",
    }
    assert promised <= summary.keys()
    settings = json.loads((folder / "settings.json").read_text())
    assert settings["seed"] == 0
    assert torch.__version__.startswith(settings["versions"]["torch"])
    samples = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    assert len(samples) == 16
    assert all(sample["before"].startswith(sample["prompt"]) for sample in samples)
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert "<html" in (folder / "report.html").read_text()
    assert not list(folder.rglob("*.tmp"))


def test_the_policy_loads_elsewhere_with_its_value_head(run, checkpoint):
    *_, folder = run("--learning-rate", "0.01")
    policy = AutoModelForCausalLM.from_pretrained(folder / "policy")
    start, _ = load_language_model(checkpoint)
    assert not torch.equal(policy.lm_head.weight, start.lm_head.weight)
    assert AutoTokenizer.from_pretrained(folder / "policy").eos_token_id == 1
    value_head = load_file(folder / "policy" / "value_head.safetensors")
    assert value_head["value_head.weight"].shape == (1, 16)


@pytest.mark.parametrize("network", VALUE_NETWORKS)
def test_what_values_need_is_saved_with_the_policy_but_for_the_reward_models_trunk(run, network):
    _, said, folder = run("--value-network", network)
    parts = load_file(folder / "policy" / "value_head.safetensors")
    assert {name.partition(".")[0] for name in parts} == (
        {"value_head", "value_trunk"} if network == "separate" else {"value_head"}
    )
    assert parts["value_head.weight"].any()
    assert "own trunk" not in said, "these two models have the same tokens"


def test_the_same_seed_gives_the_same_run_to_the_last_bit(run, tmp_path):
    def numbers(folder):
        records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        return [{name: value for name, value in record.items() if not name.endswith("seconds")} for record in records]

    run("--out", str(tmp_path / "a"))
    run("--out", str(tmp_path / "b"))
    run("--out", str(tmp_path / "c"), "--seed", "1")
    assert numbers(tmp_path / "a") == numbers(tmp_path / "b") != numbers(tmp_path / "c")
    weights = [(tmp_path / name / "policy" / "model.safetensors").read_bytes() for name in "abc"]
    assert weights[0] == weights[1] != weights[2]


def test_scores_are_told_in_standard_deviations_of_the_reference(run):
    *_, folder = run("--learning-rate", "1e-9", "--evaluation-prompts", "800")
    summary = json.loads((folder / "summary.json").read_text())
    assert abs(summary["score_before"]) < 0.3
    assert summary["score_after"] == pytest.approx(summary["score_before"], abs=1e-3)
    assert summary["kl"] == pytest.approx(0, abs=1e-3)


def test_stages_can_be_chosen(run, tmp_path):
    code, _, folder = run("--steps", "reward-model", "--pairs", "64")
    assert code == 0
    assert AutoModelForSequenceClassification.from_pretrained(folder / "reward-model").config.num_labels == 1
    assert not (folder / "metrics.jsonl").exists()
    code, _, folder = run("--steps", "reward-model,ppo", "--pairs", "64", "--out", str(tmp_path / "both"))
    assert code == 0
    assert (folder.parent / "both" / "summary.json").exists()
    assert not (folder.parent / "both" / "report.html").exists()


def test_equations_of_ones_own_train_in_both_stages_and_a_changed_file_is_not_gone_on_with(run, tmp_path):
    mine, folders = tmp_path / "my rlhf.py", [tmp_path / name for name in ("ours", "mine", "worse")]
    calls = ["from course_lib.equations import advantages, preferences", ""]
    lines = [
        "def my_whiten(values, mask):",
        "    return advantages.whiten(values, mask)",
        "def bradley_terry_loss(chosen, rejected):",
        "    return {}preferences.bradley_terry_loss(chosen, rejected)",
    ]
    both = ["--steps", "reward-model,ppo", "--pairs", "32"]
    run(*both, "--out", str(folders[0]))
    for folder, sign in zip(folders[1:], ("", "-"), strict=True):
        mine.write_text("\n".join([*calls, *lines]).format(sign), encoding="utf-8-sig")
        code, said, _ = run(*both, "--equations", str(mine), "--out", str(folder))
        assert code == 0
        assert "From " in said
        assert "bradley_terry_loss, whiten." in said
    weights = [(folder / "reward-model" / "model.safetensors").read_bytes() for folder in folders]
    assert weights[0] == weights[1] != weights[2]
    (folders[2] / "summary.json").unlink()
    mine.write_text("\n".join([*calls, *lines]).format("- "), encoding="utf-8")
    assert command_line.main(["run", "--resume", str(folders[2])]) == 2


def test_a_run_with_a_reward_of_ones_own_shows_people_looking_on_and_knows_its_file(run, tmp_path, capsys):
    mine = tmp_path / "my rules.py"
    mine.write_text("def long(texts):\n    print('asked for', len(texts))\n    return [len(text) for text in texts]\n")
    code, said, folder = run("--reward", f"{mine}:long")
    assert code == 0
    assert "asked for 512\n" in said, "what it prints goes where the bar is"
    assert said.count("A reward of your own cannot read") == 1
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert {"score", "reward_model", "judge"} <= records[0].keys()
    assert {"reward_model_before", "reward_model_after"} <= json.loads((folder / "summary.json").read_text()).keys()
    page = (folder / "report.html").read_text()
    assert "your reward went from" in page
    assert "People’s reward model (standard deviations)" in page
    assert '<span class="reward_model">people ' in page
    (folder / "summary.json").unlink()
    mine.write_text("def long(texts):\n    return [-len(text) for text in texts]\n")
    assert command_line.main(["run", "--resume", str(folder)]) == 2
    assert "but the file of its reward has changed; change that back" in capsys.readouterr().err


def test_a_run_on_prompts_of_ones_own_looks_the_same_and_knows_its_file(run, tmp_path, capsys):
    mine = tmp_path / "my prompts.csv"
    mine.write_bytes("prompt;id\r\nThe film;1\r\nÀ mon avis;2\r\nThe film;3\r\n".encode("utf-8-sig"))
    code, said, folder = run("--prompts", str(mine))
    assert code == 0
    assert f"From {mine} (UTF-8 with a byte-order mark, lines ended by CRLF): 2 prompts of 8 to 11 tokens" in said
    samples = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    assert len(samples) == 16
    (prompt,) = {sample["prompt"] for sample in samples}
    assert prompt in {"The film", "À mon avis"}
    assert len({sample["before"] for sample in samples}) > 8
    assert "<html" in (folder / "report.html").read_text()
    (folder / "summary.json").unlink()
    mine.write_text("prompt;id\nThe plot;1\n")
    assert command_line.main(["run", "--resume", str(folder)]) == 2
    assert "but the file of its prompts has changed; change that back" in capsys.readouterr().err


def test_a_run_on_preferences_of_ones_own_learns_from_them_and_tells_how_well(run, tmp_path, capsys):
    mine = tmp_path / "pairs.jsonl"
    rows = [{"prompt": f"{number}: ", "chosen": "good", "rejected": "bad"} for number in range(20)]
    mine.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"chosen": "alike", "rejected": "alike"}]))
    code, said, folder = run("--preferences", str(mine), "--steps", "reward-model,ppo,report", "--prompts", str(mine))
    assert code == 0
    assert "20 pairs of 8 to 10 tokens in 21 rows; left out: 1 with the same text on both sides." in said
    assert "18 are learned from, 2 held out to judge by." in said
    assert "The reward model is right about 100% of 2 pairs held out; who always prefers the longer text" in said
    assert "20 prompts of 3 to 4 tokens in 21 rows; left out: 1 empty." in said
    assert "PPO goes on from film reviews" not in said
    records = [json.loads(line) for line in (folder / "reward_model_metrics.jsonl").read_text().splitlines()]
    assert len(records) == 30
    assert records[-1]["validation_pair_accuracy"] == 1
    assert "<html" in (folder / "report.html").read_text()
    (folder / "summary.json").unlink()
    mine.write_text(json.dumps(rows[0]) + "\n")
    assert command_line.main(["run", "--resume", str(folder)]) == 2
    assert "the file of its preferences has changed" in capsys.readouterr().err


def test_a_reward_that_fails_on_the_way_is_one_sentence_and_what_was_reached_is_kept(run, tmp_path):
    lines = ["asked = []", "def odd(texts):", "    asked.append(1)", "    return [len(text) for text in texts[:{}]]"]
    (tmp_path / "odd.py").write_text("\n".join(lines).format("len(texts) if len(asked) < 5 else 2"))
    code, said, folder = run("--reward", f"{tmp_path / 'odd.py'}:odd", "--iterations", "9", "--checkpoint-every", "1")
    assert code == 2
    assert said.splitlines()[-1] == (
        "Expected a number for each of 8 texts from your odd (odd.py, line 2), but 2 came; return one for each."
    )
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == 2
    assert [path.name[:11] for path in sorted((folder / "checkpoints").iterdir())] == ["step-000001", "step-000002"]


def test_the_report_can_be_made_again(run):
    *_, folder = run()
    (folder / "report.html").unlink()
    code, *_ = run("--steps", "report")
    assert code == 0
    assert (folder / "report.html").exists()


BAD = {
    "an unknown stage": (["--steps", "ppo,dance"], "'ppo,dance'"),
    "stages out of order": (["--steps", "report,ppo"], "in this order"),
    "cuda where there is none": (["--device", "cuda"], "Expected a GPU"),
    "an unknown device": (["--device", "tpu"], "'tpu'"),
    "a folder that is not there": (["--model", "/nowhere/model"], "no such folder"),
    "a hub name without a network": (["--model", "gpt2"], "check the name and the network"),
    "a reward model that is not there": (["--reward-model", "./nowhere"], "no such folder"),
    "a prompt longer than the context": (["--prompt-len", "60"], "context of 48 tokens"),
    "a prompt longer than any review": (["--prompt-len", "41", "--response-len", "700"], "context"),
    "a coefficient of 0 that adapts": (["--kl-target", "6", "--kl-coef", "0"], "--kl-coef above 0"),
    "a horizon within a batch": (["--kl-target", "6", "--kl-horizon", "1"], "a fifth of the batch"),
    "equations that are not there": (["--equations", "nowhere.py"], "no such file"),
    "a reward without a function": (["--reward", "rules.py"], "FILE.py:FUNCTION"),
    "a reward that is not there": (["--reward", "nowhere.py:joy"], "a reward in the file nowhere.py, but there is no"),
    "a reward that no stage asks": (["--reward", "a.py:b", "--steps", "reward-model"], "add --steps reward-model,ppo."),
    "prompts that are not there": (["--prompts", "nowhere.txt"], "texts in the file nowhere.txt, but there is no such"),
    "prompts that no stage reads": (["--prompts", "a.txt", "--steps", "reward-model"], "Expected the stage ppo with"),
    "preferences that no stage reads": (["--preferences", "a.jsonl"], "add --steps reward-model,ppo,report."),
    "preferences that are not there": (
        ["--preferences", "no.jsonl", "--steps", "reward-model"],
        "texts in the file no.jsonl, but there is no such file",
    ),
    "a batch of nothing": (["--batch-size", "0"], "--batch-size"),
    "a number that is none": (["--kl-coef", "nan"], "--kl-coef"),
    "a negative rate": (["--learning-rate", "-1"], "--learning-rate"),
    "a value network that is none": (["--value-network", "critic"], "reward-model, policy, separate, got 'critic'"),
    "a folder that cannot be written": (["--out", "/dev/null/run"], "cannot"),
}


@pytest.mark.parametrize(("arguments", "said"), BAD.values(), ids=BAD.keys())
def test_what_cannot_work_is_refused_in_one_sentence_and_nothing_is_written(run, arguments, said, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    code, message, folder = run(*arguments)
    assert code == 2
    assert said in message
    assert message.count("\n") == 1
    assert message.startswith("Expected ")
    assert "Traceback" not in message
    assert not folder.exists()


def test_a_folder_with_files_in_it_is_left_alone(run):
    *_, folder = run()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    code, message, _ = run()
    assert code == 2
    assert "holds files" in message
    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_a_damaged_checkpoint_is_named(run, checkpoint):
    weights = checkpoint / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    code, message, _ = run()
    assert code == 2
    assert str(checkpoint) in message


def test_ratings_that_are_missing_or_damaged_stop_the_run(run, monkeypatch, tmp_path):
    for content in (None, '{"id": 1, "text": "", "ratings": [1], "split": "test"}\n', '{"id": 1'):
        path = tmp_path / "film.jsonl"
        if content:
            path.write_text(content)
        real = setup.load_ratings
        monkeypatch.setattr(setup, "load_ratings", lambda real=real, path=path, **options: real(path, **options))
        code, message, folder = run()
        monkeypatch.undo()
        assert code == 2
        assert str(path) in message
        assert not folder.exists()


def test_an_unknown_command_is_refused(capsys):
    with pytest.raises(SystemExit) as error:
        command_line.main(["dance"])
    assert error.value.code == 2
    assert "invalid choice: 'dance'" in capsys.readouterr().err
