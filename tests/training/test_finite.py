"""A training stops at the first number that is not finite, with the step and the tensor, and writes nothing after."""

import json
import math

import pytest
import torch
from shared.tiny_ppo import start
from torch import nn

from course_lib import __main__ as command_line
from course_lib.training.files.errors import NotFiniteError
from course_lib.training.fit import FitSettings, RatedTexts, fit
from course_lib.training.ppo import PPO
from course_lib.training.run.checkpoint import checkpoints
from course_lib.training.scorer import Scorer


@pytest.mark.parametrize("odd", [math.nan, math.inf])
def test_a_score_names_the_step(odd):
    scores = iter([torch.zeros(16), torch.zeros(16).index_fill(0, torch.tensor([3]), odd)])
    *_, records = start(score=lambda rollout: next(scores))
    next(records)
    with pytest.raises(NotFiniteError, match="in step 2, but scores has NaN or infinity"):
        next(records)


def test_a_loss_names_the_step():
    class Spoiled(PPO):
        def loss(self, *arguments, **options):
            loss, record = super().loss(*arguments, **options)
            return loss * math.nan, record

    *_, records = start(method=Spoiled())
    with pytest.raises(NotFiniteError, match="in step 1, but the loss has"):
        next(records)


def test_a_gradient_names_its_weight_and_the_weights_stay_as_they_were():
    policy, *_, records = start()
    before = {name: parameter.detach().clone() for name, parameter in policy.named_parameters()}
    policy.lm.transformer.h[1].mlp.c_fc.weight.register_hook(lambda grad: grad * math.nan)
    with pytest.raises(NotFiniteError, match=r"the gradient of lm\.transformer\.h\.1\.mlp\.c_fc\.weight has"):
        next(records)
    assert all(torch.equal(parameter, before[name]) for name, parameter in policy.named_parameters())


def test_the_loss_of_a_reward_model_names_the_step():
    examples = RatedTexts(torch.ones(4, 2), torch.tensor([1.0, 2.0, math.inf, 3.0]))

    class Linear(nn.Linear):
        def forward(self, features):
            return super().forward(features)[:, 0]

    records = fit(Linear(2, 1), examples, settings=FitSettings(batch_size=4), generator=torch.Generator())
    with pytest.raises(NotFiniteError, match="in step 1, but the loss has"):
        next(records)


def test_the_last_good_checkpoint_is_named_and_nothing_after_it_is_written(
    checkpoint, reward_checkpoint, tmp_path, monkeypatch, capsys
):
    real, calls = Scorer.score, []

    def score(self, rollout):
        calls.append(1)
        return real(self, rollout) * (math.nan if len(calls) == 6 else 1)  # one call before step 1

    monkeypatch.setattr(Scorer, "score", score)
    folder = tmp_path / "run"
    sizes = ["--iterations", "8", "--batch-size", "8", "--response-len", "6", "--checkpoint-every", "2"]
    models = ["--model", str(checkpoint), "--reward-model", str(reward_checkpoint)]
    assert command_line.main(["run", *sizes, *models, "--out", str(folder)]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    (last, *_) = checkpoints(folder / "checkpoints")
    assert "in step 5, but scores" in said
    assert said.endswith(f"The last good checkpoint is {last}.")
    assert last.name.startswith("step-000004-")
    steps = [json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3, 4]
    assert not (folder / "summary.json").exists()
    assert not (folder / "policy").exists()
