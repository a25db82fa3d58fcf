"""The pretraining recipe: text that may be trained on, batches, and a run that stops and goes on."""

import pytest
import torch
from transformers import AutoTokenizer

from course_lib.recipes.blocks import Stage, block_batches, drawn_rows
from course_lib.recipes.corpus import HeldOut, read_texts, readable, usable, wordnet_texts
from course_lib.recipes.pretrain import rate_factor, train
from course_lib.recipes.pretraining_progress import PretrainingProgress, load_checkpoint, save_checkpoint
from course_lib.recipes.score import fit_ridge, read_generated, write_scored
from course_lib.recipes.small_gpt2 import Settings, encode, new_model, new_optimizers, token_nats
from course_lib.recipes.tokenizer import train_tokenizer
from course_lib.training.files.errors import CourseError

SMALL = Settings(layers=1, width=16, heads=2, vocabulary=32, batch_tokens=32, block_rows=8, warmup_steps=2)
STAGES = [Stage("first", 100, {"a": 1.0}), Stage("last", 100, {"a": 0.5, "b": 0.5}, rate=(1.0, 0.0), dropout=0.2)]
SOURCES = {
    "a": [[0, *range(3, 3 + n), 1] for n in range(2, 9)],
    "b": [[0, *range(20, 20 + n), 1] for n in range(2, 9)],
}


def start():
    model = new_model(SMALL)
    return model, new_optimizers(model, SMALL)


def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path):
    whole, optimizers = start()
    records = list(train(whole, optimizers, PretrainingProgress(), SOURCES, STAGES, SMALL))
    model, optimizers = start()
    progress = PretrainingProgress()
    run = train(model, optimizers, progress, SOURCES, STAGES, SMALL)
    for _ in range(len(records) // 2):
        next(run)
    save_checkpoint(tmp_path, model, optimizers, progress)
    torch.manual_seed(123)
    resumed, optimizers = start()
    progress = load_checkpoint(tmp_path, resumed, optimizers)
    rest = list(train(resumed, optimizers, progress, SOURCES, STAGES, SMALL))
    assert len(records) >= 4
    assert len(rest) == len(records) - len(records) // 2
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_training_lowers_the_loss():
    model, optimizers = start()
    stages = [Stage("only", 3000, {"a": 1.0})]
    losses = [record["loss"] for record in train(model, optimizers, PretrainingProgress(), SOURCES, stages, SMALL)]
    assert losses[-1] < 0.7 * losses[0]


def test_passes_hold_every_row_once():
    rows = [[i] for i in range(5)]
    drawn = drawn_rows(rows, 0, 10, seed=1)
    assert sorted(drawn[:5]) == rows
    assert sorted(drawn[5:]) == rows
    assert drawn[:5] != drawn[5:]
    assert drawn_rows(rows, 3, 4, seed=1) == drawn[3:7]
    assert drawn_rows(rows, 3, 0, seed=1) == []


def test_batches_keep_to_their_size_and_the_shares():
    batches = block_batches(SOURCES, STAGES[1], 0, SMALL)
    assert all(len(batch) * max(map(len, batch)) <= 32 for batch in batches)
    rows = [row for batch in batches for row in batch]
    assert sum(row[1] == 3 for row in rows) == 4
    assert sum(row[1] == 20 for row in rows) == 4


@pytest.mark.parametrize(("step", "stage_tokens", "expected"), [(0, 0, 0.5), (1, 0, 1.0), (9, 25, 0.75), (9, 120, 0.0)])
def test_learning_rate_warms_up_and_falls_to_zero(step, stage_tokens, expected):
    assert rate_factor(STAGES[1], PretrainingProgress(step=step, stage_tokens=stage_tokens), SMALL) == expected


def test_padding_has_no_loss():
    model, _ = start()
    short, padded = torch.tensor([[0, 5, 6, 1]]), torch.tensor([[0, 5, 6, 1, 2, 2, 2]])
    assert token_nats(model, padded).tolist() == pytest.approx(token_nats(model, short).tolist(), abs=1e-6)


def test_copies_of_held_out_sentences_are_found():
    held_out = HeldOut(["The acting is fine but the plot goes nowhere at all.", "Pure joy."])
    assert held_out.has_copy_of("the acting is fine, but the plot goes nowhere")
    assert held_out.has_copy_of("PURE JOY!")
    assert not held_out.has_copy_of("The acting is fine, and so is everything else in this film.")


def test_usable_texts_come_once_with_straight_quotes():
    texts = ["A “great”  film.", 'a "great" film.', "Yes", "Pure joy.", "Fine\x00 film."]
    assert list(usable(texts, HeldOut(["Pure joy."]))) == ['A "great" film.']


def test_readable_says_no_to_loops_and_other_scripts():
    assert readable("A very, very good film.")
    assert not readable("A very, very, very good film.")
    assert not readable("Отличный фильм")
    assert not readable("a" * 256)


def test_wordnet_gives_definitions_and_examples(tmp_path):
    line = '00002325 29 v 01 take_a_breath 1 001 $ 0 v 0000 01 + 02 00 | inhale once; "Take a breath first"; "no"  \n'
    for name in ("data.noun", "data.verb", "data.adj", "data.adv"):
        (tmp_path / name).write_text("  1 the licence | of WordNet\n" + (line if name == "data.verb" else ""))
    assert wordnet_texts(tmp_path) == ["take a breath: inhale once", "Take a breath first"]


def test_a_missing_source_is_said(tmp_path):
    with pytest.raises(CourseError, match="make the corpus first"):
        read_texts(tmp_path, "film")
    with pytest.raises(CourseError, match=r"data\.noun"):
        wordnet_texts(tmp_path)


def test_ridge_fits_a_line_and_a_penalty_shrinks_it():
    features = torch.tensor([[0.0], [2.0], [4.0], [6.0]])
    ratings = torch.tensor([1.0, 2.0, 3.0, 4.0])
    weights, bias = fit_ridge(features, ratings, penalty=0.0)
    assert weights.tolist() == pytest.approx([0.5])
    assert bias.item() == pytest.approx(1.0)
    weights, bias = fit_ridge(features, ratings, penalty=3.0)  # X^T X is 3, so half the slope is left
    assert weights.tolist() == pytest.approx([0.25])
    assert bias.item() == pytest.approx(1.75)


def test_scored_sentences_come_back(tmp_path):
    path = write_scored(["A “fine” film.", "Dull."], [1.2345, -2.0], tmp_path / "some" / "film.jsonl.gz")
    assert read_generated(path) == [{"text": "A “fine” film.", "score": 1.23}, {"text": "Dull.", "score": -2.0}]


def test_a_new_tokenizer_begins_a_text_and_the_recipe_ends_it(tmp_path):
    texts = ["a fine film", "a long film"]
    tokenizer = AutoTokenizer.from_pretrained(train_tokenizer(texts * 9, tmp_path, vocabulary=270))
    bare = tokenizer(texts, add_special_tokens=False)["input_ids"]
    assert tokenizer(texts)["input_ids"] == [[0, *row] for row in bare]
    assert encode(tokenizer, texts) == [[0, *row, 1] for row in bare]
    ids = tokenizer.apply_chat_template([{"role": "user", "content": text} for text in texts])["input_ids"]
    assert tokenizer.decode(ids) == "<|bos|>a fine filma long film<|eos|>"
