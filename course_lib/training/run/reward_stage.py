"""The reward model of a run: one that is given, or one that the run trains first."""

import math
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import torch

from course_lib.training.files.checksums import verify
from course_lib.training.files.errors import CourseError
from course_lib.training.files.paths import REWARD_MODEL, TINY_GPT2
from course_lib.training.files.write import write_folder, write_lines
from course_lib.training.fit import FitSettings, PreferredTexts, enough_epochs, fit
from course_lib.training.language_model import check_device
from course_lib.training.own_preferences import OwnPreferences, own_preferences
from course_lib.training.progress import Team
from course_lib.training.ratings import draw_pairs, load_ratings
from course_lib.training.record import Record
from course_lib.training.reward_model import RewardModel, load_reward_model, new_reward_model
from course_lib.training.settings import RunSettings


def start_reward_model(settings: RunSettings, stages: list[str]) -> RewardModel | None:
    """The reward model to train or, where that is not asked for, to please; None without PPO."""
    device = check_device(settings.device)
    if "reward-model" in stages:
        generator = torch.Generator().manual_seed(settings.seed)
        return new_reward_model(settings.model or TINY_GPT2, generator=generator, device=device)
    return load_reward_model(settings.reward_model or REWARD_MODEL, device=device) if "ppo" in stages else None


def read_preferences(model: RewardModel, settings: RunSettings, *, tell: bool) -> OwnPreferences | None:
    """The user's own preferences, if there are, as this reward model reads them; says what it found.

    Raises:
        CourseError: as in `own_preferences`.
    """
    if not settings.preferences:
        return None
    preferences = own_preferences(Path(settings.preferences), model, most=settings.pairs, seed=settings.seed)
    with_prompts = preferences.have_prompts and "ppo" in settings.steps and not settings.prompts
    hint = f"PPO goes on from film reviews; --prompts {settings.preferences} gives it the prompts of these pairs."
    if tell:
        print(*preferences.told, *[hint] * with_prompts, sep="\n", file=sys.stderr)
    return preferences


def reward_model_stage(
    model: RewardModel,
    settings: RunSettings,
    folder: Path | None,
    team: Team,
    *,
    loss: Callable | None = None,
    preferences: OwnPreferences | None = None,
) -> Generator[Record, None, RewardModel]:
    """Train the reward model, or take the one that an earlier part of this run has finished; returns it."""
    finished = folder / "reward-model" if folder else None
    if finished and finished.exists():
        try:
            verify(finished, data=finished)
            return load_reward_model(finished, device=check_device(settings.device))
        except CourseError as error:
            print(f"{error} It is trained again.", file=sys.stderr)
    written = folder if team.rank == 0 else None
    yield from train_reward_model(model, settings, written, loss=loss, preferences=preferences)
    for parameter in model.parameters():  # on a GPU two processes need not have come to the same bits
        parameter.data.copy_(team.from_first(parameter.data))
    if preferences and team.rank == 0:
        print(preferences.verdict(model), file=sys.stderr)
    return model


def train_reward_model(
    model: RewardModel,
    settings: RunSettings,
    folder: Path | None,
    *,
    loss: Callable | None = None,
    preferences: OwnPreferences | None = None,
) -> Iterator[Record]:
    """Train a reward model on pairs of the training reviews, and save it in the run folder, if given.

    Where the user has preferences, it learns from these, and passes over few of them more often.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    examples = preferences.examples if preferences else drawn_examples(model, settings.pairs, generator)
    fit_settings = FitSettings(epochs=1, learning_rate=settings.reward_learning_rate)
    if preferences:
        fit_settings.epochs = enough_epochs(len(examples), batch_size=fit_settings.batch_size)
    steps = fit_settings.epochs * math.ceil(len(examples) / fit_settings.batch_size)
    options = {"settings": fit_settings, "generator": generator, "loss": loss}
    records = []
    for record in fit(model, examples, **options, validate=preferences and preferences.validate):
        records.append(record)
        yield {"stage": "reward-model", "folder": folder, "steps": steps} | record
    if folder:
        write_lines(folder / "reward_model_metrics.jsonl", records)
        write_folder(folder / "reward-model", model.save)


def drawn_examples(model: RewardModel, count: int, generator: torch.Generator) -> PreferredTexts:
    """Preference pairs of the training reviews, one rater for each review."""
    sentences = load_ratings(split="train")
    pairs = draw_pairs(sentences, count=count, generator=generator)
    inputs = model.encode([sentence.text for sentence in sentences])
    return PreferredTexts.from_pairs(inputs, sentences, pairs)
