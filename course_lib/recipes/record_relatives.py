"""The experiment `relatives`: PPO, REINFORCE, RLOO, GRPO, DPO and best-of-n with the same model, reward and budget."""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from course_lib.recipes.recording_file import RecordingFile, columns
from course_lib.training.files.paths import REWARD_MODEL
from course_lib.training.language_model import peak_memory_gb
from course_lib.training.method import Method
from course_lib.training.ppo import PPO
from course_lib.training.record import Record
from course_lib.training.relatives.best_of_n import best_of_n
from course_lib.training.relatives.dpo import DPO, dpo
from course_lib.training.relatives.on_policy import GRPO, REINFORCE, RLOO
from course_lib.training.reward_model import load_reward_model
from course_lib.training.rollout import Rollout
from course_lib.training.run.results import join_samples
from course_lib.training.scorer import Scorer
from course_lib.training.settings import RunSettings
from course_lib.training.setup import Setup
from course_lib.training.texts import judge

RELATIVES, SEEDS = "relatives", 3
SAMPLES = 6  # texts kept of each run
WATCHED = 64  # responses by which a policy that writes nothing in training is judged at each step


@dataclass(frozen=True)
class Contestant:
    """A method, and the settings in which it departs from the others."""

    method: Method
    changes: dict = field(default_factory=dict)

    def records(self, setup: Setup, scorer: Scorer) -> Iterator[Record]:
        """Train the policy of a setup; each record has the tokens sampled so far."""
        if isinstance(self.method, DPO):
            models = setup.policy, setup.reference, setup.training_prompts, scorer.score
            yield from dpo(*models, settings=setup.settings, method=self.method, progress=setup.start())
            return
        tokens = 0.0
        for record in setup.records(scorer, method=self.method):
            tokens += setup.settings.batch_size * record["response_length"]
            yield record | {"tokens": tokens}


METHODS = {
    "PPO": Contestant(PPO()),
    "REINFORCE": Contestant(REINFORCE(), {"learning_rate": 1e-3}),
    "RLOO": Contestant(RLOO(), {"learning_rate": 1e-3}),
    "GRPO": Contestant(GRPO(), {"learning_rate": 3e-4}),
    "DPO": Contestant(DPO(), {"learning_rate": 1e-4}),
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
    setup = Setup(settings)
    scorer = setup.scorer(load_reward_model(settings.reward_model or REWARD_MODEL))
    return best_of_n_run(setup, scorer) if name == BEST_OF_N else training_run(setup, scorer, METHODS[name])


def training_run(setup: Setup, scorer: Scorer, contestant: Contestant) -> dict:
    """Train, then judge the policy and the reference on held-out prompts; `seconds` are the processor's."""
    records, clocked = [], on_the_clock(contestant.records(setup, scorer))
    generator, offline = setup.generator(5), isinstance(contestant.method, DPO)  # whose policy writes nothing
    while True:
        described = write_and_describe(setup, scorer, generator) if offline else {}
        record = next(clocked, None)
        if record is None:
            break
        records.append(described | record)
    cost = {"seconds": records[-1]["seconds"], "peak_memory_gb": peak_memory_gb(setup.device)}
    after, texts_after = setup.evaluate(scorer)
    before, texts_before = setup.evaluate(scorer, policy=setup.reference)
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


def write_and_describe(setup: Setup, scorer: Scorer, generator: torch.Generator) -> Record:
    """What the policy would write to training prompts, as it now is; none of it is learned from."""
    chosen = torch.randint(len(setup.training_prompts), (WATCHED,), generator=generator, device=generator.device)
    rollout = setup.continue_prompts(setup.training_prompts[chosen], generator)
    return setup.describe(rollout, scorer.score(rollout)) | scorer.measure(rollout)


def best_of_n_run(setup: Setup, scorer: Scorer) -> dict:
    """Choose among the reference's answers to the held-out prompts; `seconds` at n are those that n answers took."""
    models, generator = (setup.reference, setup.test_prompts, scorer.score), setup.start().generator
    best: list[Rollout] = []

    def measured() -> Iterator[Record]:
        for record, rollout in best_of_n(*models, settings=setup.settings, generator=generator):
            best.append(rollout)
            yield record | scorer.measure(rollout)

    records = list(on_the_clock(measured()))
    seconds, most = records[-1]["seconds"], records[-1]["n"]
    records = [record | {"seconds": seconds * record["n"] / most} for record in records]
    cost = {"peak_memory_gb": peak_memory_gb(setup.device)}
    before, _ = setup.evaluate(scorer)
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
