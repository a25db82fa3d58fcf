"""Several processes train as one: the same gradients, streams of their own, one that writes."""

import json
import multiprocessing
import os
import re
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from shared.tiny_models import PAD, make_tiny_lm
from shared.tiny_ppo import PROMPTS, begin, count_fives, experience_of, models, small_settings, without_times

from course_lib import __main__ as command_line
from course_lib.training.files.errors import CourseError
from course_lib.training.frozen_trunk import FrozenTrunk
from course_lib.training.ppo import PPO, train
from course_lib.training.progress import ALONE
from course_lib.training.relatives.on_policy import GRPO, RLOO
from course_lib.training.rollout import Rollout
from course_lib.training.run.team import Launched, find_team

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the tests fork, which this system cannot")


def in_processes(work, count=2):
    """Call work(team) in so many processes, as a launcher starts them; returns what each gave, by rank."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    context = multiprocessing.get_context("fork")
    results = context.Queue()

    def child(rank):
        os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count)}
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        results.put((rank, work(find_team("cpu"))))

    processes = [context.Process(target=child, args=(rank,)) for rank in range(count)]
    for process in processes:
        process.start()
    given = dict(results.get(timeout=100) for _ in processes)
    for process in processes:
        process.join()
    return [given[rank] for rank in range(count)]


def gradients(team, method, frozen):
    """The gradients and metrics of a minibatch of 8 rows out of 16, of very different lengths."""
    (policy, reference), settings = models(), small_settings(ent_coef=0.1, max_grad_norm=0.0)
    policy.value_trunk = FrozenTrunk(make_tiny_lm(seed=5).base_model) if frozen else None
    _, experience = experience_of(policy, reference, settings, method=method)
    with torch.no_grad():  # off the point where ratios are 1
        policy.lm.transformer.wte.weight += 0.05 * torch.randn(24, 16, generator=torch.Generator().manual_seed(1))
    progress = begin(policy, settings, seed=2, team=team)
    minibatch = next(method.minibatches(experience, settings=settings, progress=progress))
    new = method.read(policy, minibatch, temperature=settings.temperature)
    loss, parts = method.loss(new, minibatch, settings=settings, kl_coef=0.05)
    record = parts | method.measure(new, minibatch, clip_eps=settings.clip_eps)
    (minibatch.share * loss).backward()
    progress.clip_gradients(policy, settings)
    gradients = {
        name: parameter.grad.numpy() for name, parameter in policy.named_parameters() if parameter.grad is not None
    }
    return gradients, team.mean(record, minibatch.share)


@pytest.mark.parametrize(
    ("count", "method", "frozen"),
    [(2, PPO(), False), (3, PPO(), False), (2, PPO(), True), (2, RLOO(), False), (2, GRPO(), False)],
)
def test_the_gradients_of_several_processes_are_those_of_one_with_the_whole_batch(count, method, frozen):
    expected, record = gradients(ALONE, method, frozen)
    assert max(abs(gradient).max() for gradient in expected.values()) > 0.01
    for own, own_record in in_processes(partial(gradients, method=method, frozen=frozen), count):
        for name, gradient in expected.items():
            torch.testing.assert_close(torch.tensor(own[name]), torch.tensor(gradient), atol=1e-5, rtol=0, msg=name)
        watched = {"loss"} if method == GRPO() else record.keys()  # whose other metrics are means over tokens
        assert [own_record[name] for name in watched] == pytest.approx([record[name] for name in watched], abs=1e-5)


class OwnTexts:
    """A team that keeps what its process has sampled itself."""

    def __init__(self, team):
        self.team, self.own = team, []

    def __getattr__(self, name):
        return getattr(self.team, name)

    def pool(self, rollout, **options):
        self.own.append(rollout.token_ids.tolist())
        return self.team.pool(rollout, **options)


def three_steps(team):
    """Three steps of PPO: the records, the weights, and what this process sampled itself."""
    (policy, reference), settings, watched = models(), small_settings(batch_size=16), OwnTexts(team)
    progress = begin(policy, settings, seed=team.rank)
    progress.team = watched
    records = train(policy, reference, PROMPTS, count_fives, settings=settings, progress=progress)
    records = [without_times(record) for record in records]
    return records, {name: parameter.detach().numpy() for name, parameter in policy.named_parameters()}, watched.own


def test_ranks_sample_their_own_half_and_end_with_the_same_weights():
    (records, weights, texts), (other_records, other_weights, other_texts) = in_processes(three_steps)
    assert [len(batch) for batch in texts] == [8, 8, 8]
    assert texts != other_texts
    assert records == other_records
    assert all((weights[name] == other_weights[name]).all() for name in weights)
    assert all(record["score"] == record["score"] for record in records)


def gather(team):
    """A batch of one row a rank, whose responses are as long as the rank's number plus one."""
    length = team.rank + 1
    ids, mask = torch.full((1, length), 7), torch.ones(1, length, dtype=torch.bool)
    own = Rollout(torch.tensor([[team.rank]]), ids, mask, torch.tensor([team.rank == 0]))
    whole = team.pool(own, response_len=5, pad_id=PAD)
    lists = [whole.prompt_ids, whole.response_ids, whole.response_mask, whole.ended]
    return [tensor.tolist() for tensor in lists]


def test_responses_of_different_lengths_become_one_batch():
    expected = [[[0], [1]], [[7, PAD], [7, 7]], [[True, False], [True, True]], [True, False]]
    assert in_processes(gather) == [expected, expected]


def lose_one(team):
    """Rank 1 dies; what does rank 0 say when it next wants to talk?"""
    if team.rank == 1:
        team.gather(torch.zeros(1))
        return "dead"
    team.gather(torch.zeros(1))
    try:
        while True:
            team.gather(torch.zeros(1))
    except CourseError as error:
        return str(error)


def test_a_process_that_dies_is_told_in_one_sentence():
    said, _ = in_processes(lose_one)
    assert said.startswith("Expected 2 processes to train together, but one has ended (rank 0 says: ")
    assert "\n" not in said


def test_without_a_launcher_one_process_is_the_team(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert find_team("cpu") is ALONE
    assert not isinstance(ALONE, Launched)


def test_a_launcher_without_accelerate_is_one_sentence(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(CourseError, match=r"Expected accelerate for a run of several processes"):
        find_team("cpu")


# `accelerate launch` starts several processes on GPUs; for several on a CPU it needs MPI, and torchrun needs nothing.
LAUNCHERS = {
    "accelerate": ("accelerate.commands.launch", "--cpu", "--num_processes=1", "--num_machines=1"),
    "torchrun": ("torch.distributed.run", "--nproc-per-node=2"),
}


@pytest.fixture
def launch(checkpoint, reward_checkpoint, tmp_path):
    """Run the command under a launcher on the CPU."""

    def call(launcher, *arguments):
        sizes = ["--iterations", "2", "--batch-size", "8", "--response-len", "6", "--evaluation-prompts", "16"]
        models = ["--model", str(checkpoint), "--reward-model", str(reward_checkpoint)]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        command = [sys.executable, "-m", *LAUNCHERS[launcher], "-m", "course_lib", "run", *sizes, *models, *arguments]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)

    return call


@pytest.mark.parametrize(("launcher", "processes"), [("accelerate", 1), ("torchrun", 2)])
def test_the_same_command_runs_under_a_launcher_and_one_process_writes(launch, tmp_path, launcher, processes):
    ran = launch(launcher, "--out", str(tmp_path / "run"))
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("in a browser.") == 1
    assert "own trunk" not in ran.stderr, "values are read from the reward model"
    steps = [json.loads(line)["step"] for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert steps == [1, 2]
    assert json.loads((tmp_path / "run" / "settings.json").read_text())["processes"] == processes


def test_a_process_that_fails_ends_the_run_with_one_sentence_of_ours(launch):
    ran = launch("torchrun", "--batch-size", "9")
    assert ran.returncode != 0
    sentences = re.findall(r"^Expected .*$", ran.stderr, flags=re.MULTILINE)
    assert sentences
    assert set(sentences) == {
        "Expected a batch that 2 processes and 2 minibatches can share, but it is 9; "
        "change --batch-size or --minibatches."
    }


def test_a_sentence_is_written_in_one_piece_that_no_other_process_breaks(monkeypatch):
    pieces = []
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(write=pieces.append, flush=lambda: None))
    assert command_line.main(["run", "--batch-size", "0"]) == 2
    assert pieces == ["Expected --batch-size to be more than 0, got 0; change it.\n"]
