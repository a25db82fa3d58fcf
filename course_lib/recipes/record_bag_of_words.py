"""The experiment `bag_of_words`: PPO against ridge regression on word counts, while people's reward model looks on."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch

from course_lib.recipes.recording_file import RecordingFile, columns
from course_lib.training.agreement import agreement
from course_lib.training.experiments.bag_of_words import fit_bag_of_words
from course_lib.training.experiments.proxies import SETTINGS
from course_lib.training.files.paths import REWARD_MODEL
from course_lib.training.ratings import load_ratings
from course_lib.training.record import LOOKING_ON, Record
from course_lib.training.reward_model import load_reward_model
from course_lib.training.scorer import Scorer
from course_lib.training.settings import RunSettings
from course_lib.training.setup import Setup

BAG_OF_WORDS = "bag_of_words"
SEEDS = 3
FOLLOWED, EVERY = 4, 8  # held-out prompts whose texts are kept, before every eighth step and after the last


def record_bag_of_words(out: Path, *, given: dict | None = None, seeds: int = SEEDS) -> None:
    """Record the runs that the file `out` does not hold yet; `given` settings go before those of the recipe."""
    shared = SETTINGS | (given or {})
    recording = RecordingFile(out, BAG_OF_WORDS, asdict(RunSettings(**shared)))
    bag = fit_bag_of_words(load_ratings(split="train"))
    for seed in range(seeds):
        if recording.lacks("bag of words", seed):
            recording.add("bag of words", seed, {}, record_run(bag, RunSettings(**shared | {"seed": seed})))


def record_run(bag: Callable, settings: RunSettings) -> dict:
    """Train one policy and return what is kept of it: metrics as columns, held-out figures, texts along the way."""
    setup = Setup(settings)
    people = load_reward_model(settings.reward_model or REWARD_MODEL, device=setup.device)
    scorer = setup.scorer(people, reward=bag)
    before = setup.evaluate(scorer)[0] | on_reviews(scorer)
    records, samples = [], follow(setup, scorer, step=1)
    for record in setup.records(scorer):
        records.append(record)
        samples += follow(setup, scorer, step=record["step"] + 1)
    after, _ = setup.evaluate(scorer)
    return {"metrics": columns(records), "before": before, "after": after, "samples": samples}


def follow(setup: Setup, scorer: Scorer, *, step: int) -> list[dict]:
    """What the policy writes before a step to the same prompts with the same random numbers; of some steps alone."""
    if step % EVERY != 1:
        return []
    return [{"step": step} | row for row in setup.evaluate(scorer, prompts=FOLLOWED)[1]]


def on_reviews(scorer: Scorer) -> Record:
    """Of the test sentences: how often each scorer is right about a pair, and the highest score that one gets."""
    test = load_ratings(split="test")
    texts, ratings = [sentence.text for sentence in test], torch.tensor([sentence.mean for sentence in test])
    ours, theirs = scorer.reward_model.score(texts), scorer.onlookers[LOOKING_ON].score(texts)
    return {
        "pair_accuracy": agreement(ours, ratings)["pair_accuracy"],
        "reward_model_pair_accuracy": agreement(theirs, ratings)["pair_accuracy"],
        "highest_review": ours.max().item(),
    }
