"""The cell that trains GPT-2: with a GPU and the weights, and without either; a tiny model stands in for GPT-2."""

import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from shared.tiny_models import hub_tokenizer

from course_lib.classroom import gpt2
from course_lib.classroom.live_run import default_run
from course_lib.training import setup
from course_lib.training.ratings import load_ratings


@pytest.fixture
def recorded():
    return default_run()


@pytest.fixture
def a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)


def test_without_a_gpu_it_says_so_and_shows_the_small_model(recorded, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    shown = []
    monkeypatch.setattr(gpt2, "show", lambda figure, says: shown.append((figure, says)))
    gpt2.watch_gpt2(recorded, steps=2)
    assert capsys.readouterr().out.startswith("Expected a GPU, but torch sees none here")
    ((figure, says),) = shown
    assert len(figure.axes) == 3
    assert says.startswith("Not GPT-2: the small GPT-2 of this course, recorded. After 20 steps: score from 0.07 to ")


@pytest.mark.parametrize("files", [None, ["config.json"]])
def test_without_the_weights_it_says_how_to_get_them(a_gpu, recorded, tmp_path, monkeypatch, capsys, files):
    def find(name, *, local_files_only):
        assert local_files_only
        if files is None:
            raise LocalEntryNotFoundError(name)
        for file in files:
            (tmp_path / file).touch()
        return str(tmp_path)

    monkeypatch.setattr(gpt2, "snapshot_download", find)
    monkeypatch.setattr(gpt2, "show", lambda figure, says: None)
    gpt2.watch_gpt2(recorded, steps=2)
    assert "`hf download gpt2`" in capsys.readouterr().out


def test_with_both_it_trains(a_gpu, recorded, checkpoint, reward_checkpoint, monkeypatch, capsys):
    reviews = {split: load_ratings(split=split)[:70] for split in ("train", "test")}
    monkeypatch.setattr(setup, "load_ratings", lambda split: reviews[split])
    hub_tokenizer().save_pretrained(checkpoint)  # whose tokens are not the reward model's
    monkeypatch.setattr(gpt2, "snapshot_download", lambda name, *, local_files_only: str(checkpoint))
    monkeypatch.setattr(gpt2, "REWARD_MODEL", reward_checkpoint)
    trained = []

    def watch(records, *names):
        trained.extend(records)
        assert set(names) <= set(trained[0])

    monkeypatch.setattr(gpt2, "watch", watch)
    real = gpt2.gpt2_records
    monkeypatch.setattr(gpt2, "gpt2_records", lambda folder, *, steps: real(folder, steps=steps, device="cpu"))
    gpt2.watch_gpt2(recorded, steps=2)
    assert [record["step"] for record in trained] == [1, 2]
    assert trained[0]["learning_rate"] == 1e-5
    printed = capsys.readouterr()
    assert printed.out == ""
    assert setup.OWN_TRUNK not in printed.err, "the values of this policy begin at zero by choice"
