import json
import math

import pytest
import torch
from shared.tiny_models import byte_tokenizer, make_tiny_lm
from transformers import AutoModelForSequenceClassification, GPT2Config, GPT2ForSequenceClassification, GPT2LMHeadModel

from course_lib.training.files.errors import CourseError
from course_lib.training.fit import FitSettings, PreferredTexts, RatedTexts, fit
from course_lib.training.ratings import PreferencePair, RatedSentence
from course_lib.training.reward_model import MLPRewardModel, load_reward_model, new_reward_model

TEXTS = ["a fine film", "b", "a long and winding film that never ends", "fine"]


@pytest.fixture
def reward_model(checkpoint):
    return new_reward_model(checkpoint, generator=torch.Generator().manual_seed(0)).eval()


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_text_is_read_between_bos_and_eos(reward_model):
    first = ord("a") - ord("!") + 3
    assert reward_model.encode(["ab", ""]).tolist() == [[0, first, first + 1, 1], [0, 1, 2, 2]]
    assert reward_model.encode([]).shape == (0, 0)
    assert reward_model.score([]).shape == (0,)


def test_a_text_cannot_spell_a_special_token(reward_model):
    assert reward_model.encode(["<|pad|>"]).shape == (1, 2 + len("<|pad|>"))


def test_a_long_text_is_cut_before_eos(reward_model, tmp_path):
    token_ids = reward_model.encode(["x" * 100])
    assert token_ids.shape == (1, 48)
    assert token_ids[0, -1] == 1
    assert reward_model.score(["x" * 100]).isfinite().all()
    reward_model.save(tmp_path)
    assert json.loads((tmp_path / "tokenizer.json").read_text())["truncation"] is None


def test_padding_and_order_change_no_score(reward_model):
    alone = torch.cat([reward_model.score([text]) for text in TEXTS])
    torch.testing.assert_close(reward_model.score(TEXTS), alone)
    torch.testing.assert_close(reward_model.score(TEXTS[::-1]), alone.flip(0))
    padded = torch.nn.functional.pad(reward_model.encode(TEXTS), (0, 5), value=2)
    torch.testing.assert_close(reward_model(padded), alone)
    assert alone.unique().numel() == 4


def test_more_texts_than_fit_one_pass_keep_their_order(reward_model):
    texts = [chr(97 + i % 26) * (1 + i * 7 % 40) for i in range(50)]
    alone = torch.cat([reward_model.score([text]) for text in texts])
    torch.testing.assert_close(reward_model.score(texts), alone)


def test_the_score_is_the_head_on_the_state_at_eos(reward_model):
    token_ids = torch.tensor([[0, 70, 71, 1, 2, 2]])
    states = reward_model.lm.transformer(token_ids[:, :4]).last_hidden_state
    expected = reward_model.lm.score.weight[0] @ states[0, 3]
    torch.testing.assert_close(reward_model(token_ids), expected[None])


def test_the_running_score_is_that_of_the_text_so_far(reward_model):
    token_ids = torch.tensor([[0, 70, 1, 2, 2], [0, 70, 71, 72, 1]])
    running = reward_model.running_scores(token_ids)
    assert running.shape == (2, 5)
    assert running[0, 3:].tolist() == [0.0, 0.0]
    torch.testing.assert_close(running[:, :2], running[:1, :2].expand(2, 2))
    torch.testing.assert_close(torch.stack([running[0, 2], running[1, 4]]), reward_model(token_ids))
    assert reward_model.lengths(token_ids).tolist() == [3, 5]


def test_gain_and_bias_set_the_scale_and_are_saved(reward_model, tmp_path):
    raw = reward_model.score(TEXTS)
    reward_model.gain, reward_model.bias = 2.0, -1.0
    torch.testing.assert_close(reward_model.score(TEXTS), 2 * raw - 1)
    reward_model.save(tmp_path / "rm")
    torch.testing.assert_close(load_reward_model(tmp_path / "rm").score(TEXTS), 2 * raw - 1)
    saved = json.loads((tmp_path / "rm" / "config.json").read_text())
    assert (saved["score_gain"], saved["score_bias"]) == (2.0, -1.0)


def test_transformers_loads_it_and_finds_the_same_scores(reward_model, tmp_path):
    reward_model.save(tmp_path / "rm")
    elsewhere = AutoModelForSequenceClassification.from_pretrained(tmp_path / "rm").eval()
    token_ids = reward_model.encode(TEXTS)
    torch.testing.assert_close(elsewhere(token_ids).logits[:, 0], reward_model.score(TEXTS))
    assert elsewhere.dtype == torch.float32


def test_a_gpt2_without_padding_token_gets_one_that_is_not_eos(tmp_path):
    make_tiny_lm(vocab_size=259).save_pretrained(tmp_path)
    tokenizer = byte_tokenizer()
    tokenizer.bos_token, tokenizer.pad_token = tokenizer.eos_token, None
    tokenizer.save_pretrained(tmp_path)
    model = new_reward_model(tmp_path, generator=generator()).eval()
    assert model.lm.config.pad_token_id == 0
    alone = torch.cat([model.score([text]) for text in TEXTS])
    torch.testing.assert_close(model.score(TEXTS), alone)


def test_the_head_starts_at_openais_scale(tmp_path):
    wide = GPT2Config(vocab_size=259, n_positions=8, n_embd=1024, n_layer=1, n_head=1)
    GPT2LMHeadModel(wide).save_pretrained(tmp_path)
    byte_tokenizer().save_pretrained(tmp_path)
    weight = new_reward_model(tmp_path, generator=generator()).lm.score.weight
    assert weight.std().item() == pytest.approx(1 / math.sqrt(1025), rel=0.1)
    assert torch.equal(weight, new_reward_model(tmp_path, generator=generator()).lm.score.weight)


def test_the_trunk_is_the_language_models_and_dropout_is_off(checkpoint, reward_model):
    trunk = GPT2LMHeadModel.from_pretrained(checkpoint).transformer.state_dict()
    assert all(torch.equal(trunk[name], tensor) for name, tensor in reward_model.lm.transformer.state_dict().items())
    reward_model.train()
    token_ids = reward_model.encode(TEXTS)
    assert torch.equal(reward_model(token_ids), reward_model(token_ids))


def test_what_is_no_reward_model_is_refused(checkpoint, tmp_path):
    with pytest.raises(CourseError, match="Expected a GPT-2 reward model with one score"):
        load_reward_model(checkpoint)
    three = GPT2Config(vocab_size=8, n_positions=8, n_embd=8, n_layer=1, n_head=1, num_labels=3)
    GPT2ForSequenceClassification(three).save_pretrained(tmp_path / "three")
    with pytest.raises(CourseError, match="gpt2 with 3 labels"):
        load_reward_model(tmp_path / "three")
    with pytest.raises(CourseError, match="no such folder"):
        load_reward_model(tmp_path / "none")


def test_the_mlp_by_hand():
    model = MLPRewardModel(2, hidden=2)
    with torch.no_grad():
        model.hidden.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, -1.0]]))
        model.hidden.bias.copy_(torch.tensor([0.0, 1.0]))
        model.head.weight.copy_(torch.tensor([[2.0, 3.0]]))
        model.head.bias.fill_(0.5)
    # hidden (1, -4) -> relu (1, 0) -> 2.5; hidden (-1, 1) -> relu (0, 1) -> 3.5
    assert model(torch.tensor([[1.0, 5.0], [-1.0, 0.0]])).tolist() == [2.5, 3.5]
    assert sum(p.numel() for p in MLPRewardModel().parameters()) == 768 * 128 + 128 + 128 + 1


def line(weight=0.0):
    """A model with score = weight * x."""
    model = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False), torch.nn.Flatten(0))
    torch.nn.init.constant_(model[0].weight, weight)
    return model


def test_rating_loss_by_hand():
    examples = RatedTexts(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([1.0, 0.0, 5.0]))
    columns = examples.read(line(1.0), torch.tensor([0, 2]))
    assert examples.loss(*columns).item() == pytest.approx((0**2 + 2**2) / 2)
    assert examples.measure(*columns)["pearson_r"] == pytest.approx(1.0)
    assert len(examples) == 3


def test_preference_loss_by_hand():
    examples = PreferredTexts(torch.tensor([[0.0], [1.0], [3.0]]), torch.tensor([2, 0]), torch.tensor([0, 1]))
    columns = examples.read(line(1.0), torch.tensor([0, 1]))
    # margins 3 and -1: -log sigmoid(3) = 0.0486, -log sigmoid(-1) = 1.3133
    assert examples.loss(*columns).item() == pytest.approx((0.048587 + 1.313262) / 2, abs=1e-5)
    assert examples.measure(*columns) == {"pair_accuracy": 0.5}
    assert examples.loss(*examples.read(line(0.0), torch.tensor([0]))).item() == pytest.approx(math.log(2))
    assert len(examples) == 2


def test_pairs_become_rows_of_the_inputs():
    first, second, third = (RatedSentence(number, "text", (1,), "train") for number in (30, 10, 20))
    pairs = [PreferencePair(second, first), PreferencePair(third, second)]
    examples = PreferredTexts.from_pairs(torch.zeros(3, 1), [first, second, third], pairs)
    assert (examples.chosen.tolist(), examples.rejected.tolist()) == ([1, 2], [0, 1])


def test_both_losses_learn_on_one_loop():
    inputs = torch.randn(64, 4, generator=generator())
    ratings = inputs @ torch.tensor([1.0, -1.0, 2.0, 0.5])
    order = torch.randperm(64, generator=generator())
    higher, lower = order[:32], order[32:]
    swap = ratings[higher] < ratings[lower]
    pairs = PreferredTexts(inputs, torch.where(swap, lower, higher), torch.where(swap, higher, lower))
    settings = FitSettings(epochs=30, batch_size=16, learning_rate=0.01)
    for examples, metric in ((RatedTexts(inputs, ratings), "pearson_r"), (pairs, "pair_accuracy")):
        torch.manual_seed(0)
        records = list(fit(MLPRewardModel(4), examples, settings=settings, generator=generator()))
        assert records[-1]["loss"] < 0.3 * records[0]["loss"]
        assert records[-1][metric] > 0.95


def test_the_loop_counts_decays_and_validates():
    examples = RatedTexts(torch.ones(5, 1), torch.ones(5))
    settings = FitSettings(epochs=2, batch_size=2, learning_rate=0.6, validate_every=4)
    seen = fit(line(), examples, settings=settings, generator=generator(), validate=lambda model: {"r": 0.5})
    records = list(seen)
    assert [record["step"] for record in records] == [1, 2, 3, 4, 5, 6]
    assert [record["epoch"] for record in records] == [1, 1, 1, 2, 2, 2]
    assert [record["learning_rate"] for record in records] == pytest.approx([0.6, 0.5, 0.4, 0.3, 0.2, 0.1])
    assert [record["step"] for record in records if "validation_r" in record] == [4, 6]


def test_every_example_comes_once_an_epoch():
    examples = RatedTexts(torch.arange(7.0)[:, None], torch.zeros(7))
    seen = []
    model = line(1.0)
    model.register_forward_pre_hook(lambda module, inputs: seen.extend(inputs[0][:, 0].tolist()))
    list(fit(model, examples, settings=FitSettings(epochs=2, batch_size=3), generator=generator()))
    assert sorted(seen[:7]) == sorted(seen[7:]) == list(range(7))
    assert seen[:7] != seen[7:]


def test_the_same_seed_gives_the_same_model(checkpoint):
    def train(seed):
        model = new_reward_model(checkpoint, generator=generator(seed))
        examples = RatedTexts(model.encode(TEXTS), torch.tensor([1.0, 0.0, -1.0, 2.0]))
        list(fit(model, examples, settings=FitSettings(epochs=2, batch_size=2), generator=generator(seed)))
        return model.score(TEXTS)

    assert torch.equal(train(0), train(0))
    assert not torch.equal(train(0), train(1))


def test_stopping_is_not_asking_for_the_next():
    model = line()
    records = fit(model, RatedTexts(torch.ones(4, 1), torch.ones(4)), settings=FitSettings(), generator=generator())
    next(records)
    weight = model[0].weight.item()
    assert weight != 0.0
    records.close()
    assert model[0].weight.item() == weight
