import json

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from course_lib.recipes import reward
from course_lib.recipes.baselines import mean_ratings
from course_lib.recipes.reward import SHIPPED
from course_lib.training.agreement import agreement
from course_lib.training.features import load_features
from course_lib.training.files.paths import REWARD_MODEL
from course_lib.training.fit import FitSettings, RatedTexts
from course_lib.training.ratings import load_ratings
from course_lib.training.reward_model import load_reward_model

GENERATED = {"good fun, all of it": 2.0, "a bad film": -1.5, "fine": 1.0, "so dull": -2.0}


@pytest.fixture
def few(monkeypatch):
    """The recipe on 24 sentences of each split, with a step or two of training."""
    monkeypatch.setattr(reward, "load_ratings", lambda split: load_ratings(split=split)[:24])
    quick = FitSettings(epochs=1, batch_size=16)
    for name in ("GPT2_ON_ALL", "GPT2_ON_PAIRS", "MLP_ON_RATINGS", "MLP_ON_PAIRS"):
        monkeypatch.setattr(reward, name, quick)
    monkeypatch.setattr(reward, "PAIRS", 16)
    generated = [{"text": text, "score": score} for text, score in GENERATED.items()]
    monkeypatch.setattr(reward, "read_generated", lambda: generated)


def test_every_prefix_is_asked_for_the_rating_the_later_the_more():
    class Counting(torch.nn.Module):
        """Scores 1, 2, 3, ... after the tokens."""

        def running_scores(self, token_ids):
            return torch.arange(1.0, token_ids.shape[1] + 1).expand(token_ids.shape) * (token_ids != 0)

        def lengths(self, token_ids):
            return (token_ids != 0).sum(dim=1)

    examples = reward.RatedPrefixes(torch.tensor([[5, 5, 0], [5, 5, 5]]), torch.tensor([2.0, 0.0]))
    loss = examples.loss(*examples.read(Counting(), torch.tensor([0, 1])))
    # at the end: errors 0 and 9. Weights 1/2, 1 and 1/3, 2/3, 1; weighted errors 1/2, 0 and 1/3, 8/3, 9
    assert loss.item() == pytest.approx(9 / 2 + 12.5 / 3.5)


def test_the_reward_model_is_made_from_beginning_to_end(tmp_path, checkpoint, few):
    reward.make_reward_model(name=checkpoint, out=tmp_path / "rm")
    reward.make_results(name=checkpoint, out=tmp_path / "rm")
    shipped = load_reward_model(tmp_path / "rm")
    assert shipped.gain != 1.0
    assert AutoModelForSequenceClassification.from_pretrained(tmp_path / "rm").config.num_labels == 1
    results = json.loads((tmp_path / "rm" / "results.json").read_text())
    assert {"length", "one person", "GPT-2, from preferences"} < set(results["scorers"])
    training = json.loads((tmp_path / "rm" / "training.json").read_text())
    assert training["examples"] == {"rated": 24, "rated_weight": 2, "generated": 4}
    log = [json.loads(line) for line in (tmp_path / "rm" / "training_log.jsonl").read_text().splitlines()]
    assert log[-1]["step"] == 4
    assert "validation_pair_accuracy" in log[-1]


def test_the_shipped_reward_model_agrees_with_people_as_recorded():
    test, recorded = load_ratings(split="test"), json.loads((REWARD_MODEL / "results.json").read_text())["scorers"]
    scores = load_reward_model(REWARD_MODEL).score([sentence.text for sentence in test]).double()
    assert agreement(scores, mean_ratings(test)) == pytest.approx(recorded[SHIPPED], abs=0.002)
    assert recorded[SHIPPED]["pearson_r"] >= 0.76
    assert recorded[SHIPPED]["pair_accuracy"] >= 0.78
    assert recorded[SHIPPED]["pearson_r"] > recorded["TF-IDF + ridge"]["pearson_r"]


def test_the_lessons_network_learns_from_the_ratings_in_seconds():
    train, test = load_ratings(split="train"), load_ratings(split="test")
    examples = RatedTexts(load_features(train), mean_ratings(train).float())
    model = reward.train_mlp(examples, FitSettings(epochs=3, batch_size=64, learning_rate=1e-3, weight_decay=10.0))
    assert agreement(model(load_features(test)).detach().double(), mean_ratings(test))["pearson_r"] >= 0.80
