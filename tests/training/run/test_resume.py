"""A run that is stopped, whatever stops it, goes on to the numbers that it would have reached."""

import itertools
import json
import multiprocessing
import os
import random
import shlex
import signal
import sys
from dataclasses import asdict, fields
from pathlib import Path

import pytest
import torch
from shared.tiny_models import make_tiny_lm

from course_lib import __main__ as command_line
from course_lib.training.files.errors import CourseError
from course_lib.training.run import pipeline
from course_lib.training.run.checkpoint import checkpoints, read_checkpoint, write_checkpoint
from course_lib.training.run.pipeline import run_pipeline
from course_lib.training.run.resume import read_beginning, read_settings, resume_command, write_beginning
from course_lib.training.run.run_folder import LOCK, locked
from course_lib.training.settings import VALUE_NETWORKS, RunSettings

resource = pytest.importorskip("resource")
# as a run comes to them: what it does (an event of sys.audit) and to which file
MOMENTS = [
    ("open", "metrics.jsonl"),
    ("os.rename", "step-000002"),
    ("os.remove", "step-000002"),
    ("open", "policy.tmp/config.json"),
    ("os.rename", "policy.tmp"),
    ("open", "summary.json"),
    ("shutil.rmtree", "checkpoints"),
]
KILLED = {-signal.SIGKILL, 130}
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the tests fork, which this system cannot")


@pytest.fixture
def options(checkpoint, reward_checkpoint):
    sizes = ["--iterations", "16", "--batch-size", "8", "--response-len", "6", "--evaluation-prompts", "16"]
    models = ["--model", str(checkpoint), "--reward-model", str(reward_checkpoint)]
    return ["run", *sizes, *models, "--checkpoint-every", "2", "--kl-target", "6", "--steps", "ppo"]


def fork(arguments, prepare=lambda: None):
    """Run the command line in a child, which shares all that is imported here; return its exit code."""

    def child():
        signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell may have had ignored
        prepare()
        os._exit(command_line.main([str(argument) for argument in arguments]))

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    return process.exitcode


def signal_at(moment, kind):
    """Let a child signal itself when it first touches a file so; one that it was about to write is then empty."""
    struck = []

    def watch(event, arguments):
        if not struck and event == moment[0] and moment[1] in str(arguments[0]):
            struck.append(moment)
            if event == "open" and "w" in arguments[1]:
                Path(arguments[0]).write_bytes(b"")
            os.kill(os.getpid(), kind)

    return lambda: sys.addaudithook(watch)


def numbers(folder: Path):
    """All that a run came to, but for how long it took and how much memory."""

    def timeless(record):
        measured = ("seconds", "tokens_per_second", "peak_memory_gb")
        return {name: value for name, value in record.items() if not name.endswith(measured)}

    records = [timeless(json.loads(line)) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    summary = timeless(json.loads((folder / "summary.json").read_text()))
    weights = {path.name: path.read_bytes() for path in (folder / "policy").glob("*.safetensors")}
    return records, summary, (folder / "samples.jsonl").read_text(), weights


@pytest.fixture
def uninterrupted(options, tmp_path):
    assert fork([*options, "--out", tmp_path / "whole"]) == 0
    return numbers(tmp_path / "whole")


def test_a_run_killed_when_it_touches_a_file_ends_with_the_same_bits(options, uninterrupted, tmp_path):
    kinds = itertools.cycle([signal.SIGKILL, signal.SIGKILL, signal.SIGINT])
    for number, (moment, later) in enumerate(itertools.pairwise(MOMENTS)):
        folder = tmp_path / f"killed-{number}"
        assert fork([*options, "--out", folder], signal_at(moment, next(kinds))) in KILLED, moment
        assert fork(["run", "--resume", folder], signal_at(later, next(kinds))) in KILLED, later
        assert fork(["run", "--resume", folder]) == 0
        assert numbers(folder) == uninterrupted, moment
        assert not list(folder.rglob("*.tmp")), moment


@pytest.mark.parametrize("network", VALUE_NETWORKS)
def test_a_stopped_run_goes_on_to_the_same_bits_whatever_values_are_read_from(options, network, tmp_path, capfd):
    given = [*options, "--value-network", network]
    assert fork([*given, "--out", tmp_path / "whole"]) == 0
    folder = stopped(given, tmp_path / "stopped", steps=5)
    assert fork(["run", "--resume", folder]) == 0
    assert numbers(folder) == numbers(tmp_path / "whole")
    assert "own trunk" not in capfd.readouterr().err, "these two models have the same tokens"


def test_a_stopped_run_with_a_reward_and_prompts_of_ones_own_goes_on_to_the_same_bits(options, tmp_path):
    (tmp_path / "rules.py").write_text("def long(texts):\n    return [len(text) for text in texts]\n")
    (tmp_path / "prompts.txt").write_text("The film\nA\nOne of the\nIt\n")
    given = [*options, "--reward", f"{tmp_path / 'rules.py'}:long", "--prompts", str(tmp_path / "prompts.txt")]
    assert fork([*given, "--out", tmp_path / "whole"]) == 0
    folder = stopped(given, tmp_path / "stopped", steps=5)
    assert fork(["run", "--resume", folder]) == 0
    assert numbers(folder) == numbers(tmp_path / "whole")


def test_a_full_disk_is_one_sentence_and_the_run_goes_on_once_there_is_room(options, uninterrupted, tmp_path, capfd):
    folder = tmp_path / "full"

    def small_disk():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file beyond the limit is then an OSError, as a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))

    assert fork([*options, "--out", folder], small_disk) == 2
    said = capfd.readouterr().err.splitlines()[-1]
    assert said.startswith(f"Expected to write to {folder}, but that failed")
    assert said.endswith(f"go on with: python -m course_lib run --resume {folder}")
    assert fork(["run", "--resume", str(folder)]) == 0
    assert numbers(folder) == uninterrupted


def stopped(options, folder, steps=5):
    """A run stopped after so many steps."""
    settings = command_line.build_parser().parse_args([*options, "--out", str(folder)])
    records = run_records(settings)
    for _ in range(steps):
        next(records)
    records.close()
    return folder


def run_records(settings):
    values = {setting.name: getattr(settings, setting.name) for setting in fields(RunSettings)}
    return run_pipeline(RunSettings(**values), command="test", started=0.0)


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_is_used(options, uninterrupted, tmp_path, capsys):
    folder = stopped(options, tmp_path / "damaged")
    last, before = checkpoints(folder / "checkpoints")
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1
    last.write_bytes(content)
    assert command_line.main(["run", "--resume", str(folder)]) == 0
    said = capsys.readouterr().err
    assert f"{last} is damaged" in said
    assert str(before) not in said
    assert numbers(folder) == uninterrupted


def test_other_settings_are_refused_with_the_difference(options, tmp_path, capsys):
    folder = stopped(options, tmp_path / "run")
    assert command_line.main(["run", "--resume", str(folder), "--kl-coef", "0.2", "--seed", "0"]) == 2
    assert "kl_coef is 0.12 there and 0.2 here; change that back" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["torch", "course"])
def test_another_version_is_refused_with_the_difference(options, tmp_path, capsys, name):
    folder = stopped(options, tmp_path / "run")
    stored = read_beginning(folder)
    stored["versions"][name] = "0.0.1"
    write_beginning(folder, stored)
    assert command_line.main(["run", "--resume", str(folder)]) == 2
    assert f"but {name} is '0.0.1' there and " in capsys.readouterr().err


def test_another_model_under_the_same_path_is_refused(options, checkpoint, tmp_path, capsys):
    folder = stopped(options, tmp_path / "run")
    make_tiny_lm(seed=5, vocab_size=259, context=48).save_pretrained(checkpoint)
    assert command_line.main(["run", "--resume", str(folder)]) == 2
    assert "but policy is " in capsys.readouterr().err


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"seed": "0"}', "[" * 100_000])
def test_a_folder_that_is_no_run_is_refused_in_one_sentence(tmp_path, capsys, content):
    if content is not None:
        (tmp_path / "settings.json").write_text(content)
    assert command_line.main(["run", "--resume", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("Expected ")
    assert said.count("\n") == 1
    assert said.endswith("begin a new run.\n")


def test_the_second_of_two_runs_in_one_folder_is_refused(options, tmp_path, capsys):
    folder = stopped(options, tmp_path / "run")
    with locked(folder):
        assert fork(["run", "--resume", str(folder)]) == 2
        assert command_line.main(["run", "--resume", str(folder)]) == 2
    assert f"{folder} is in use" in capsys.readouterr().err


def test_a_folder_that_a_run_has_just_locked_is_refused_to_another(options, tmp_path, capsys):
    (tmp_path / "new").mkdir()
    with locked(tmp_path / "new"):
        assert command_line.main([*options, "--out", str(tmp_path / "new")]) == 2
    assert "is in use" in capsys.readouterr().err
    assert {path.name for path in (tmp_path / "new").iterdir()} <= {LOCK}


def test_a_finished_run_resumes_to_what_it_is(options, tmp_path):
    assert fork([*options, "--out", str(tmp_path / "run")]) == 0
    before = numbers(tmp_path / "run")
    assert fork(["run", "--resume", str(tmp_path / "run")]) == 0
    assert numbers(tmp_path / "run") == before
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_a_reward_model_that_is_finished_is_not_trained_again(options, tmp_path, capfd):
    given = [*options, "--steps", "reward-model,ppo", "--pairs", "64"]
    assert fork([*given, "--out", str(tmp_path / "whole")]) == 0
    folder = stopped(given, tmp_path / "stopped", steps=5)
    weights = folder / "reward-model" / "model.safetensors"
    written = weights.stat().st_mtime_ns
    assert fork(["run", "--resume", str(folder)]) == 0
    assert weights.stat().st_mtime_ns == written
    assert numbers(folder) == numbers(tmp_path / "whole")


def test_a_damaged_reward_model_is_named_and_trained_again(options, tmp_path, capfd):
    given = [*options, "--steps", "reward-model,ppo", "--pairs", "64"]
    folder = stopped(given, tmp_path / "stopped", steps=5)
    weights = folder / "reward-model" / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert fork(["run", "--resume", str(folder)]) == 0
    assert "It is trained again." in capfd.readouterr().err
    assert weights.read_bytes() == content


def test_no_flipped_bit_of_a_checkpoint_goes_unnoticed(tmp_path):
    path = write_checkpoint(tmp_path, step=1, tensors={"a": torch.ones(3)}, progress={"records": [{"step": 1}]})
    content = path.read_bytes()
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        assert read_checkpoint(tmp_path) is None
    path.write_bytes(content)
    assert read_checkpoint(tmp_path)[1] == {"records": [{"step": 1}]}


def settings_or_refusal(folder):
    try:
        return read_settings(folder), None
    except CourseError as error:
        return None, str(error)


def test_damaged_settings_are_refused_in_one_sentence_or_are_what_they_were(tmp_path):
    path, chance, whole = tmp_path / "settings.json", random.Random(0), 0
    write_beginning(tmp_path, asdict(RunSettings(seed=7)))
    content = path.read_bytes()
    for _ in range(3_000):
        damaged = bytearray(content)
        for _ in range(chance.randint(1, 3)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path.write_bytes(damaged[: chance.randint(0, 2 * len(damaged))])
        settings, refusal = settings_or_refusal(tmp_path)
        whole += settings is not None
        assert settings in (None, RunSettings(seed=7))
        assert settings or (refusal.startswith("Expected ") and str(path) in refusal and "\n" not in refusal)
    assert whole < 100, "damage to white space alone changes nothing"


def test_only_the_last_two_checkpoints_are_kept_and_none_is_read_when_cut_short(tmp_path):
    for step in (1, 2, 3):
        write_checkpoint(tmp_path, step=step, tensors={"a": torch.full((3,), float(step))}, progress={"step": step})
    last, before = checkpoints(tmp_path)
    for length in range(0, len(last.read_bytes()), 7):
        content = last.read_bytes()
        last.write_bytes(content[:length])
        tensors, progress = read_checkpoint(tmp_path)
        assert (tensors["a"].tolist(), progress) == ([2.0, 2.0, 2.0], {"step": 2})
        last.write_bytes(content)
    assert read_checkpoint(tmp_path)[1] == {"step": 3}
    before.unlink()
    last.write_bytes(b"")
    assert read_checkpoint(tmp_path) is None


def test_the_command_that_a_stopped_run_prints_can_be_pasted(monkeypatch, capsys):
    def stopped(*_, **__):
        yield {"stage": "ppo", "steps": 2, "step": 1, "folder": Path("my run"), "score": 0.0, "kl": 0.0}
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "run_pipeline", stopped)
    assert command_line.main(["run", "--out", "my run"]) == 130
    printed = capsys.readouterr().err.partition("Go on with: ")[2]
    program = ["python", "-m", "course_lib"]
    assert shlex.split(printed) == [*program, "run", "--resume", "my run"]


@pytest.mark.parametrize(("system", "quoted"), [("linux", "'R & D'"), ("darwin", "'R & D'"), ("win32", '"R & D"')])
def test_the_command_that_goes_on_is_quoted_for_the_shell(monkeypatch, system, quoted):
    monkeypatch.setattr(sys, "platform", system)
    assert resume_command(Path("R & D")) == f"python -m course_lib run --resume {quoted}"
