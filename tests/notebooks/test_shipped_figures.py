"""What the prose and notes of notebooks 00 and 01 say in figures is what the data, the models and their cells say."""

import re

import numpy as np
import pytest
import torch
from shared.notebooks import printed, said

from course_lib.classroom.plots.own_model import ONE_PERSON
from course_lib.classroom.plots.ratings import disagreement
from course_lib.training.agreement import agreement
from course_lib.training.experiments.recordings import load_label_noise
from course_lib.training.experiments.scorers import SHIPPED, load_scorers
from course_lib.training.ratings import held_out, load_ratings


def numbers(text):
    return [float(found.replace("−", "-")) for found in re.findall(r"[-−+]?\d+\.\d+", text)]


@pytest.fixture(scope="module")
def ratings():
    return {split: load_ratings(split=split) for split in ("train", "validation", "test")}


@pytest.fixture(scope="module")
def scorers():
    return load_scorers()


def test_the_best_and_the_worst_sentence_of_the_critic():
    scores = numbers(" ".join(re.findall(r"score (\S+),", printed("00", "first-sentences"))))
    spoken = said("00", "first-sentences").replace("−", "-")
    assert f"Read aloud the best ({max(scores):+.2f}) and the worst ({min(scores):+.2f})" in spoken
    assert min(scores) < 0 < max(scores)


def test_how_many_people_rated_how_many_sentences(ratings):
    every = [sentence for some in ratings.values() for sentence in some]
    counts = [len(sentence.ratings) for sentence in every]
    assert f"{len(every):,} sentences from film reviews, each rated by {min(counts)} to {max(counts)} people" in said(
        "01", "people"
    )
    opinions = sum(len(sentence.ratings) for sentence in ratings["train"])
    idea = said("01", "kinds-idea")
    assert f"some {opinions / len(ratings['train']):.0f} opinions" in idea
    assert (
        f"one rating of each of {len(ratings['train']):,} sentences, or {len(ratings['train']) // 2:,} choices" in idea
    )
    assert f"all {opinions:,} ratings" in idea


def test_how_often_two_draws_disagree(ratings):
    shares = disagreement(ratings["train"])
    expected = said("01", "people-predict")
    assert f"disagree on {shares[0]:.0%} of the pairs less than half a point apart, and on {shares[-1]:.0%}" in expected
    assert shares == sorted(shares, reverse=True)


def test_the_network_and_what_halving_does():
    assert f"{768 * 128 + 128 + 128 + 1:,} weights for 8,605 ratings" in said("01", "mlp-fit-idea")
    trained, halved, moved = (numbers(line) for line in printed("01", "mlp-halved").splitlines())
    assert trained[1] == halved[1] == moved[1]
    stays = f"the pair accuracy stays at {trained[1]:.2f} while the squared error goes from {trained[0]} to {halved[0]}"
    assert stays in said("01", "mlp-predict")


def test_the_bars_of_the_scorers(scorers):
    bars = {"length": "length", "bag": "TF-IDF + ridge", "shipped": SHIPPED, "small": "GPT-2, from preferences"}
    at = {short: scorers[name] for short, name in bars.items()}
    person, half = scorers["one person"], scorers["half of the people"]
    spoken = said("01", "good-idea")
    assert f"the shipped GPT-2, {at['shipped']:.2f}, is a little better than a bag of words, {at['bag']:.2f}" in spoken
    assert f"Half of the people have {half:.2f}: one person is no ceiling" in spoken
    assert f"bag of words {at['bag']:.2f}, the shipped GPT-2 {at['shipped']:.2f}, one person {person:.2f}" in spoken
    assert abs(at["length"] - 0.5) < 0.01, "length is a coin"
    assert at["small"] < at["bag"] < at["shipped"] < person < half
    assert round(person, 2) == ONE_PERSON


def test_opinions_of_either_kind(scorers):
    once, choices, every = numbers(printed("01", "kinds-fit"))
    assert choices + 0.03 < once, "ratings teach more"
    assert abs(every - once) <= 0.01, "eighteen more ratings add hardly anything"
    assert "eighteen more ratings of each sentence add hardly anything" in said("01", "kinds-seen")


def test_likely_is_not_liked_and_few_choices_teach_little(scorers):
    assert numbers(printed("01", "why-demo")) == [0.6]
    assert f"one person in {scorers['one person']:.2f}" in printed("01", "why-predict")
    alone = numbers(re.search(r"pair accuracy of (\S+)", printed("01", "stand-in"))[1])[0]
    assert 0.5 < alone < 0.65
    assert "somewhat more than a coin's 0.50, far from the crowd's 0.80" in said("01", "annotator-seen")
    assert "the crowd's model reaches 0.80, and 0.80 without them" in printed("01", "stand-in")


def test_noise_is_paid_for_in_pairs():
    noise, seen = load_label_noise(), said("01", "noise-seen")
    means = {share: dict(zip(noise.pairs, noise.one_person[share].mean(axis=0), strict=True)) for share in (0.0, 0.2)}
    clean = {pairs: f"{value:.0%}" for pairs, value in means[0.0].items()}
    assert f"8,192 pairs with 20% flipped reach {means[0.2][8192]:.0%}; 2,048 clean ones reach {clean[2048]}" in seen
    assert f"4,096 reach {clean[4096]}." in seen
    climbs = np.diff(noise.one_person[0.0].mean(axis=0)[noise.pairs >= 512])
    assert climbs.min() > 0.02, "still climbing at the end"
    assert np.abs(noise.everybody.mean(axis=0) - noise.one_person[0.0].mean(axis=0)).max() < 0.015, "on the curve"


def test_what_the_reward_model_makes_of_single_texts():
    great, odd, clean = numbers(printed("01", "token-more"))
    seen = said("01", "token-seen")
    assert "scores a whole standard deviation above" in seen
    assert 1 <= great < clean - 0.5
    assert "scores nearly as high as a clean one" in seen
    assert 0 <= clean - odd <= 0.2
    bad, negation = (
        numbers(re.search(rf"\b{word} \((\S+)\)", printed("01", "token-demo"))[1])[0] for word in ("bad", "not")
    )
    assert bad <= -1 < negation <= 0, '"bad" costs a whole standard deviation and "not" does not turn it round'
    listed = printed("01", "worst")
    for quoted in re.findall(r'"([^"]+)"', said("01", "worst-seen")):
        assert quoted.rstrip(",") in listed, quoted


def test_scale_shift_and_weight_decay():
    quarter, whole, fourfold = (numbers(line)[-1] for line in printed("01", "scale-demo").splitlines())
    assert whole < min(quarter, fourfold), "comparisons do not leave the scale open"
    *shifted, doubled = (line.rsplit(" ", 1)[1] for line in printed("01", "gap-demo").splitlines())
    assert len(set(shifted)) == 1, "but the shift"
    assert f"from {shifted[0]} to {doubled}" in said("01", "bt-seen")
    (_, learned, without), (_, kept, decayed) = (numbers(line) for line in printed("01", "decay-demo").splitlines())
    assert learned == 0 < kept, "by heart without decay, not with it"
    assert without < decayed <= without + 0.02, "a little better"


def test_one_rating_is_right_as_often_as_is_said(ratings, scorers):
    """The others' mean is the measure, so that a rating is not compared with itself."""
    test, draw = ratings["test"], torch.Generator().manual_seed(0)
    picked = [torch.randperm(len(sentence.ratings), generator=draw).tolist() for sentence in test]
    one = torch.tensor([float(sentence.ratings[order[0]]) for sentence, order in zip(test, picked, strict=True)])
    others = torch.tensor(
        [np.mean([sentence.ratings[i] for i in order[1:]]) for sentence, order in zip(test, picked, strict=True)]
    )
    assert agreement(one, others.float())["pair_accuracy"] == pytest.approx(scorers["one person"], abs=0.01)
    assert len(held_out()[0]) == len(test) // 4
