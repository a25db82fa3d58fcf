"""The experiment `relatives`: PPO, REINFORCE, RLOO, GRPO, DPO and best-of-n with the same model, reward and budget."""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch

from course_lib.recipes.recording_file import RecordingFile, columns
from course_lib.training.files.paths import REWARD_MODEL
from course_lib.training.language_model import peak_memory_gb
from course_lib.training.record import Record
from course_lib.training.relatives.best_of_n import best_of_n
from course_lib.training.relatives.dpo import dpo
from course_lib.training.relatives.on_policy import grpo, reinforce, rloo
from course_lib.training.relatives.trainer import Trainer
from course_lib.training.reward_model import load_reward_model
from course_lib.training.rollout import Rollout
from course_lib.training.run.pipeline import PPORun
from course_lib.training.run.results import join_samples
from course_lib.training.scorer import Scorer
from course_lib.training.settings import RunSettings
from course_lib.training.texts import judge

RELATIVES, SEEDS = "relatives", 3
SAMPLES = 6  # texts kept of each run
WATCHED = 64  # responses by which a policy that writes nothing in training is judged at each step


def ppo_records(run: PPORun, scorer: Scorer) -> Iterator[Record]:
    """PPO's records, with the tokens sampled so far."""
    tokens = 0.0
    for record in run.records(scorer):
        tokens += run.settings.batch_size * record["response_length"]
        yield record | {"tokens": tokens}


def records_of(method: Callable[[Trainer], Iterator[Record]]) -> Callable[[PPORun, Scorer], Iterator[Record]]:
    """Let a method train the policy of a run."""
    return lambda run, scorer: method(Trainer.of_run(run, scorer))


@dataclass(frozen=True)
class Method:
    """How a method trains, and the settings in which it departs from the others."""

    records: Callable[[PPORun, Scorer], Iterator[Record]]
    changes: dict = field(default_factory=dict)
    offline: bool = False  # the policy writes nothing while it learns


METHODS = {
    "PPO": Method(ppo_records),
    "REINFORCE": Method(records_of(reinforce), {"learning_rate": 1e-3}),
    "RLOO": Method(records_of(rloo), {"learning_rate": 1e-3}),
    "GRPO": Method(records_of(grpo), {"learning_rate": 1e-4}),
    "DPO": Method(records_of(dpo), {"learning_rate": 1e-4}, offline=True),
}
BEST_OF_N = "best of n"


def record_relatives(out: Path, *, given: dict | None = None, seeds: int = SEEDS) -> None:
    """Record the runs that the file `out` does not hold yet, each in a process of its own, so that it has its own peak.

    `given` settings go before all others.
    """
    shared = given or {}
    recording = RecordingFile(out, RELATIVES, asdict(RunSettings(**shared)))
    for seed in range(seeds):
        for name in [*METHODS, BEST_OF_N]:
            if recording.lacks(name, seed):
                changes = METHODS[name].changes if name in METHODS else {}
                settings = RunSettings(**shared | changes | {"seed": seed})
                made = in_a_process_of_its_own(record_method, name, settings)
                recording.add(name, seed, {"method": name} | changes, made)


def in_a_process_of_its_own(function: Callable, *arguments: object) -> object:
    """Call a function in a new process, which ends with it."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def record_method(name: str, settings: RunSettings) -> dict:
    """Make one run on one thread, and return what is kept of it: metrics as columns, held-out figures, texts."""
    torch.set_num_threads(1)
    run = PPORun(settings)
    scorer = run.scorer(load_reward_model(settings.reward_model or REWARD_MODEL))
    return best_of_n_run(run, scorer) if name == BEST_OF_N else training_run(run, scorer, METHODS[name])


def training_run(run: PPORun, scorer: Scorer, method: Method) -> dict:
    """Train, then judge the policy and the reference on held-out prompts; `seconds` are the processor's."""
    records, clocked = [], on_the_clock(method.records(run, scorer))
    generator = run.generator(5)
    while True:
        described = write_and_describe(run, scorer, generator) if method.offline else {}
        record = next(clocked, None)
        if record is None:
            break
        records.append(described | record)
    cost = {"seconds": records[-1]["seconds"], "peak_memory_gb": peak_memory_gb(run.device)}
    after, texts_after = run.evaluate(scorer)
    run.policy = run.reference
    before, texts_before = run.evaluate(scorer)
    samples = join_samples(texts_before, texts_after)[:SAMPLES]
    return {"metrics": columns(records, seconds=True), "before": before, "after": after | cost, "samples": samples}


def on_the_clock(records: Iterator[Record]) -> Iterator[Record]:
    """Add the processor's seconds so far, of this process and without what is done with the records."""
    seconds, started = 0.0, time.process_time()
    for record in records:
        seconds += time.process_time() - started
        kept = {name: value for name, value in record.items() if not name.endswith("seconds")}
        yield kept | {"seconds": seconds}
        started = time.process_time()


def write_and_describe(run: PPORun, scorer: Scorer, generator: torch.Generator) -> Record:
    """What the policy would write to training prompts, as it now is; none of it is learned from."""
    chosen = torch.randint(len(run.training_prompts), (WATCHED,), generator=generator)
    rollout = run.continue_prompts(run.training_prompts[chosen], generator)
    return run.describe(rollout, scorer.score(rollout)) | scorer.measure(rollout)


def best_of_n_run(run: PPORun, scorer: Scorer) -> dict:
    """Choose among the reference's answers to the held-out prompts; `seconds` at n are those that n answers took."""
    best: list[Rollout] = []

    def measure(rollout: Rollout) -> Record:
        best.append(rollout)
        return scorer.measure(rollout)

    trainer = replace(Trainer.of_run(run, scorer), prompts=run.test_prompts, measure=measure)
    records = list(on_the_clock(best_of_n(trainer)))
    seconds, most = records[-1]["seconds"], records[-1]["n"]
    records = [record | {"seconds": seconds * record["n"] / most} for record in records]
    cost = {"peak_memory_gb": peak_memory_gb(run.device)}
    before, _ = run.evaluate(scorer)
    after = {name: records[-1][name] for name in (*before, "seconds")}
    return {
        "metrics": columns(records, seconds=True),
        "before": before,
        "after": after | cost,
        "samples": rows(best[-1], scorer, most),
    }


def rows(rollout: Rollout, scorer: Scorer, n: int) -> list[dict]:
    """A few of the best texts, with what was said of them."""
    prompts = scorer.tokenizer.batch_decode(rollout.prompt_ids, skip_special_tokens=True)[:SAMPLES]
    said = zip(prompts, scorer.texts(rollout), scorer.score(rollout).tolist(), strict=False)
    return [
        {"n": n, "prompt": prompt, "text": text, "score": score, "judge": judge(text)} for prompt, text, score in said
    ]
