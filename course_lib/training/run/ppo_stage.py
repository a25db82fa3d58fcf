"""PPO in a run: between two looks at held-out prompts, with checkpoints to go on from, and the files that it leaves."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from course_lib.training.files.write import append_line, write_folder, write_json, write_lines
from course_lib.training.language_model import peak_memory_gb
from course_lib.training.method import Method
from course_lib.training.progress import Progress
from course_lib.training.record import Record
from course_lib.training.run.checkpoint import read_checkpoint, restore_training, training_tensors, write_checkpoint
from course_lib.training.run.results import join_samples, save_policy, summarise
from course_lib.training.scorer import TextScorer
from course_lib.training.setup import Setup


def ppo_stage(
    setup: Setup,
    reward_model: TextScorer,
    folder: Path | None,
    *,
    started: float,
    method: Method | None = None,
) -> Iterator[Record]:
    """Train, on from the folder's last checkpoint if there is one, and yield one record a step.

    What comes of it is written to the folder, by rank 0 of a team alone. `started` is a time.perf_counter().
    """
    if folder and (folder / "summary.json").exists():
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)  # it was stopped before they were removed
        return
    settings, writes = setup.settings, setup.team.rank == 0
    scorer = setup.scorer(reward_model)
    before, texts_before = setup.evaluate(scorer)
    progress = setup.start(scorer.reward_model)
    records = restore(folder, setup, progress) if folder else []
    for record in setup.records(scorer, method=method, progress=progress):
        records.append(record)
        if writes:
            append_line(folder / "metrics.jsonl", record)
        if progress.step % settings.checkpoint_every == 0 or progress.step == settings.iterations:
            keep(folder, setup, progress, records)
        yield {"stage": "ppo", "folder": folder, "steps": settings.iterations} | record
    after, texts_after = setup.evaluate(scorer)
    if writes:
        write_folder(folder / "policy", lambda path: save_policy(setup.policy, setup.tokenizer, path))
        write_lines(folder / "samples.jsonl", join_samples(texts_before, texts_after))
        speed = {"seconds": time.perf_counter() - started, "peak_memory_gb": peak_memory_gb(setup.device)}
        write_json(folder / "summary.json", summarise(before, after, records, settings) | speed)
        shutil.rmtree(folder / "checkpoints")


def keep(folder: Path | None, setup: Setup, progress: Progress, records: list[Record]) -> None:
    """Write a checkpoint: weights, the optimizer's state, the random state of every rank, all records so far."""
    states = setup.team.gather(progress.generator.get_state()[None].to(setup.device))
    if setup.team.rank == 0:
        tensors = training_tensors(setup.policy, [progress.optimizer]) | {"generators": states}
        kept = {"kl_coef": progress.kl_coef, "records": records}
        write_checkpoint(folder / "checkpoints", step=progress.step, tensors=tensors, progress=kept)


def restore(folder: Path, setup: Setup, progress: Progress) -> list[Record]:
    """Go back to the last checkpoint of a folder, in place, and return the records up to it; none without one."""
    checkpoint, records = read_checkpoint(folder / "checkpoints"), []
    if checkpoint:
        tensors, kept = checkpoint
        restore_training(tensors, setup.policy, [progress.optimizer])
        progress.generator.set_state(tensors["generators"][setup.team.rank])
        records, progress.kl_coef = kept["records"], kept["kl_coef"]
        progress.step = len(records)
    if setup.team.rank == 0:
        write_lines(folder / "metrics.jsonl", records)
    return records
