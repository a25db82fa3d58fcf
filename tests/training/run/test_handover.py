"""What we ship, and what a run leaves, works elsewhere as it is: in transformers, and in TRL where it is installed."""

import json
import re

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from course_lib import __main__ as command_line
from course_lib.equations.preferences import bradley_terry_loss
from course_lib.training.files.paths import DATA, REWARD_MODEL, TINY_GPT2
from course_lib.training.language_model import load_language_model
from course_lib.training.policy import Policy
from course_lib.training.ratings import draw_pairs, load_ratings
from course_lib.training.reward_model import load_reward_model

TEXTS = ["A fine film.", "b", 'A "long" and winding film that never ends, isn\'t it? Très bien.', "Dull."]
TINY = ["--steps", "reward-model,ppo", "--pairs", "32", "--iterations", "1", "--batch-size", "8"]
LIGHT = {
    "learning_rate": 1e-3,
    "max_steps": 2,
    "logging_steps": 1,
    "bf16": False,
    "save_strategy": "no",
    "report_to": "none",
    "disable_tqdm": True,
}


@pytest.fixture(scope="module", params=["shipped", "left by a run"])
def folders(request, tmp_path_factory):
    """The folders of a policy and of a reward model."""
    if request.param == "shipped":
        return TINY_GPT2, REWARD_MODEL
    out = tmp_path_factory.mktemp("run") / "out"
    command = ["run", *TINY, "--response-len", "6", "--evaluation-prompts", "16", "--out", str(out)]
    assert command_line.main(command) == 0
    return out / "policy", out / "reward-model"


def message(text, *, role="user"):
    return {"role": role, "content": text}


def load(loader, folder):
    """What transformers loads, with nothing missing, left over or of another shape."""
    model, loading = loader.from_pretrained(folder, output_loading_info=True)
    assert not any(loading[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    return model, AutoTokenizer.from_pretrained(folder)


def test_a_policy_gives_elsewhere_the_log_probabilities_it_gives_here(folders):
    elsewhere, tokenizer = load(AutoModelForCausalLM, folders[0])
    batch = tokenizer(TEXTS, padding=True, padding_side="right", return_tensors="pt")
    ids, mask = batch["input_ids"], batch["attention_mask"][:, 1:].bool()
    with torch.no_grad():
        logprobs = elsewhere(**batch).logits[:, :-1].log_softmax(-1).gather(-1, ids[:, 1:, None])[..., 0]
        ours = Policy.of(*load_language_model(folders[0]))(ids, mask).logprobs
    torch.testing.assert_close(logprobs * mask, ours)


def test_a_policys_tokenizer_begins_a_text_and_leaves_its_end_to_the_model(folders):
    tokenizer = AutoTokenizer.from_pretrained(folders[0])
    bare = tokenizer(TEXTS, add_special_tokens=False)["input_ids"]
    assert tokenizer(TEXTS)["input_ids"] == [[0, *row] for row in bare]
    prompts = [[message(text)] for text in TEXTS]
    prompt_ids = tokenizer.apply_chat_template(prompts, add_generation_prompt=True)["input_ids"]
    assert prompt_ids == tokenizer(TEXTS)["input_ids"]


def test_a_reward_model_scores_elsewhere_as_here(folders):
    elsewhere, tokenizer = load(AutoModelForSequenceClassification, folders[1])
    ours = load_reward_model(folders[1])
    batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
    assert torch.equal(batch["input_ids"], ours.encode(TEXTS))
    with torch.no_grad():
        raw = elsewhere(**batch).logits[:, 0]  # transformers reads it at the last token that is not padding: eos
        torch.testing.assert_close(raw, ours(ours.encode(TEXTS)))
    # others use the raw score, for gain and bias are ours: the bias drops out wherever scores are compared, as in RLOO
    # and GRPO, and the gain only weighs the score against the KL
    scaled = elsewhere.config.score_gain * raw + elsewhere.config.score_bias
    torch.testing.assert_close(scaled, ours.score(TEXTS))


def test_a_reward_models_tokenizer_reads_messages_as_one_text(folders):
    tokenizer, ours = AutoTokenizer.from_pretrained(folders[1]), load_reward_model(folders[1])
    parts = [[message("This film"), message(" is", role="assistant"), message(" dull.")]]
    assert tokenizer.apply_chat_template(parts)["input_ids"] == ours.encode(["This film is dull."]).tolist()


def test_any_tokenizer_is_saved_so_that_it_reads_as_the_reward_model_does(reward_checkpoint):
    tokenizer, ours = AutoTokenizer.from_pretrained(reward_checkpoint), load_reward_model(reward_checkpoint)
    batch = tokenizer(["ab", ""], padding=True, return_tensors="pt")
    assert torch.equal(batch["input_ids"], ours.encode(["ab", ""]))
    assert tokenizer.apply_chat_template([message("a"), message("b")])["input_ids"] == ours.encode(["ab"])[0].tolist()


def train(trainer):
    """Let a trainer of TRL take its steps; returns its records of them, and whether every parameter moved."""
    before = {name: parameter.clone() for name, parameter in trainer.model.named_parameters()}
    trainer.train()
    moved = all(not torch.equal(before[name], parameter) for name, parameter in trainer.model.named_parameters())
    return [record for record in trainer.state.log_history if "loss" in record], moved


def test_trl_trains_the_reward_model_on_our_pairs(folders, tmp_path):
    trl, datasets = pytest.importorskip("trl"), pytest.importorskip("datasets")
    pairs = draw_pairs(load_ratings(split="train"), count=8, generator=torch.Generator().manual_seed(0))
    chosen, rejected = ([sentence.text for sentence in side] for side in zip(*pairs, strict=True))
    rows = [{"chosen": [message(a)], "rejected": [message(b)]} for a, b in zip(chosen, rejected, strict=True)]
    settings = trl.RewardConfig(str(tmp_path), per_device_train_batch_size=8, **LIGHT)
    trainer = trl.RewardTrainer(str(folders[1]), settings, train_dataset=datasets.Dataset.from_list(rows))
    ours = load_reward_model(folders[1])
    with torch.no_grad():
        loss = bradley_terry_loss(ours(ours.encode(chosen)), ours(ours.encode(rejected)))
    records, moved = train(trainer)
    assert records[0]["loss"] == pytest.approx(loss.item(), rel=1e-4)
    assert records[1]["loss"] < records[0]["loss"]
    assert moved


@pytest.mark.parametrize("method", ["RLOO", "GRPO"])
def test_trl_trains_the_policy_on_the_scores_that_we_give(method, folders, tmp_path):
    trl, datasets = pytest.importorskip("trl"), pytest.importorskip("datasets")
    reward_model = load_reward_model(folders[1])

    def ours(prompts, completions, **_columns):  # TRL passes each column of the data by its name
        texts = [p[0]["content"] + c[0]["content"] for p, c in zip(prompts, completions, strict=True)]
        return reward_model.score(texts).tolist()

    beginnings = ["This film is", "A", "The plot never", "What a"]
    settings = getattr(trl, f"{method}Config")(
        str(tmp_path), num_generations=4, per_device_train_batch_size=16, max_completion_length=16, **LIGHT
    )
    trainer = getattr(trl, f"{method}Trainer")(
        model=str(folders[0]),
        reward_funcs=[str(folders[1]), ours],
        args=settings,
        train_dataset=datasets.Dataset.from_list([{"prompt": [message(text)]} for text in beginnings * 2]),
    )
    records, moved = train(trainer)
    assert moved
    assert len(records) == 2
    for record in records:
        theirs, std = (record[f"rewards/{folders[1].name}/{figure}"] for figure in ("mean", "std"))
        assert record["rewards/ours/mean"] == pytest.approx(reward_model.gain * theirs + reward_model.bias, abs=1e-4)
        assert record["rewards/ours/std"] == pytest.approx(reward_model.gain * std, abs=1e-4)
        assert std > 0
        assert torch.tensor([record["loss"], record["grad_norm"]]).isfinite().all()


def test_the_readmes_lines_for_trl_raise_the_reward(tmp_path, monkeypatch):
    pytest.importorskip("trl")
    (tmp_path / "data").symlink_to(DATA)
    monkeypatch.chdir(tmp_path)
    section = (DATA.parent / "README.md").read_text(encoding="utf-8").split("## Where to go next\n")[1]
    exec(re.search(r"```python\n(.*?)```", section, flags=re.DOTALL)[1], {})
    (state,) = (tmp_path / "runs" / "rloo").glob("checkpoint-*/trainer_state.json")
    rewards = [record["reward"] for record in json.loads(state.read_text())["log_history"] if "reward" in record]
    assert rewards[-1] > rewards[0] + 0.3  # points of a rating
    load_language_model(state.parent)  # and TRL's policy is one of ours again
