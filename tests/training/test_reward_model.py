import json
import math

import pytest
import torch
from shared.tiny_models import byte_tokenizer, hub_tokenizer, make_tiny_lm
from transformers import (
    AutoModelForSequenceClassification,
    GPT2Config,
    GPT2ForSequenceClassification,
    GPT2LMHeadModel,
    pipeline,
)

from course_lib.training.files.errors import CourseError
from course_lib.training.files.paths import REWARD_MODEL
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


def test_of_a_long_text_the_end_is_read_and_that_is_said_once(reward_model, tmp_path, capsys):
    prompt = "x" * 100
    token_ids = reward_model.encode([prompt + "good", prompt + "bad", "fine"])
    assert token_ids.shape == (3, 48)
    assert token_ids[0].tolist() == reward_model.encode(["x" * 42 + "good"])[0].tolist()
    good, bad = reward_model.score([prompt + "good", prompt + "bad"])
    assert good != bad
    told = capsys.readouterr()
    assert told.err.count("2 of 3 texts are longer than the 48 tokens") == told.err.count("\n") == 1
    assert told.out == ""
    reward_model.save(tmp_path)
    assert json.loads((tmp_path / "tokenizer.json").read_text())["truncation"] is None


def test_a_text_that_fits_the_context_is_read_whole_and_nothing_is_said(reward_model, capsys):
    assert reward_model.encode(["y" + "x" * 45])[0, 1] == reward_model.encode(["y"])[0, 1]
    assert capsys.readouterr().err == ""


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


EXCLAMATIONS = ["Awful!", "!", "What! a! film!!", "", "no mark at all", "!!!<|endoftext|>!"]


@pytest.fixture(params=["none", "eos", "an ordinary token", "its own"])
def hub_folder(request, tmp_path):
    """A GPT-2 laid out as the hub's, whose padding token is what the name says."""
    tokenizer = hub_tokenizer()
    padding = {"eos": "<|endoftext|>", "an ordinary token": "!", "its own": "<|mine|>"}.get(request.param)
    tokenizer.add_special_tokens({"pad_token": padding} if padding else {})
    tokenizer.init_kwargs["padding_side"] = "left"
    lm = make_tiny_lm(vocab_size=len(tokenizer), context=48)
    lm.config.bos_token_id = lm.config.eos_token_id = tokenizer.eos_token_id
    lm.config.pad_token_id = tokenizer.pad_token_id
    lm.save_pretrained(tmp_path / "hub")
    tokenizer.save_pretrained(tmp_path / "hub")
    return tmp_path / "hub"


def by_hand(model, text):
    """The head on the state at the end of one text alone, without padding."""
    eos = model.tokenizer.eos_token_id
    row = model.tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    states = model.lm.transformer(torch.tensor([[model.tokenizer.bos_token_id, *row, eos]])).last_hidden_state
    return (model.lm.score.weight[0] @ states[0, -1]).item()


def test_a_text_scores_the_same_whatever_token_pads(hub_folder, tmp_path):
    model = new_reward_model(hub_folder, generator=generator()).eval()
    expected = [by_hand(model, text) for text in EXCLAMATIONS]
    assert model.score(EXCLAMATIONS).tolist() == pytest.approx(expected, abs=1e-5)
    assert len(set(expected)) == len(expected)
    model.save(tmp_path / "rm")
    assert load_reward_model(tmp_path / "rm").score(EXCLAMATIONS).tolist() == pytest.approx(expected, abs=1e-5)
    if model.tokenizer.pad_token == "<|pad|>":
        assert model.pad_id == 257  # behind the 256 bytes and eos
        trunk = GPT2LMHeadModel.from_pretrained(hub_folder).transformer.wte.weight
        assert torch.equal(model.lm.transformer.wte.weight[:257], trunk)


def test_transformers_own_pipeline_reads_the_same_score(hub_folder, tmp_path):
    model = new_reward_model(hub_folder, generator=generator()).eval()
    model.save(tmp_path / "rm")
    elsewhere = pipeline("text-classification", str(tmp_path / "rm"), device="cpu")
    texts = [text for text in EXCLAMATIONS if "<" not in text]  # elsewhere a text can spell eos
    expected = [by_hand(model, text) for text in texts]
    for batch_size in (1, len(texts)):
        scores = elsewhere(texts, batch_size=batch_size, function_to_apply="none")
        assert [score["score"] for score in scores] == pytest.approx(expected, abs=1e-5)
    assert elsewhere("Awful!", function_to_apply="none")[0]["score"] == pytest.approx(expected[0], abs=1e-5)
    long = "x" * 100 + "!"
    (cut,) = elsewhere(long, function_to_apply="none", truncation=True, max_length=48)
    assert cut["score"] == pytest.approx(model.score([long]).item(), abs=1e-5)


@pytest.mark.parametrize("pad", ["!", "<|pad|>"])
def test_the_shipped_model_scores_as_it_did_whatever_token_pads(tmp_path, pad):
    shipped = load_reward_model(REWARD_MODEL)
    shipped.tokenizer.pad_token = pad
    shipped.save(tmp_path)
    scores = load_reward_model(tmp_path).score(["What a great film!", "What a great film! " * 4, "A dull film."])
    assert scores.tolist() == pytest.approx([1.6664, 1.6974, -2.0024], abs=1e-4)


@pytest.mark.parametrize("change", [{"pad_token_id": None}, {"pad_token_id": 4}])
def test_what_a_configuration_says_of_padding_changes_no_score(reward_checkpoint, change):
    expected = load_reward_model(reward_checkpoint).score(EXCLAMATIONS)
    path = reward_checkpoint / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert torch.equal(load_reward_model(reward_checkpoint).score(EXCLAMATIONS), expected)


def test_a_model_padded_with_eos_is_refused_with_advice_that_helps(reward_checkpoint):
    path = reward_checkpoint / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"pad_token_id": 1}))
    with pytest.raises(CourseError, match=r"both are token 1, .* give it another pad_token_id in config\.json"):
        load_reward_model(reward_checkpoint)
    path.write_text(json.dumps(config | {"pad_token_id": 5}))
    load_reward_model(reward_checkpoint)


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
