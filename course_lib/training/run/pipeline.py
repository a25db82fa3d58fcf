"""The whole run: ratings, reward model, PPO, and the folder that tells what happened."""

import copy
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_lib.equations.ppo import clipped_objective
from course_lib.training.experience import Experience, gather_experience
from course_lib.training.files.errors import CourseError
from course_lib.training.files.paths import TINY_GPT2
from course_lib.training.files.write import append_line, write_folder, write_json, write_lines
from course_lib.training.language_model import (
    check_device,
    compute_in_bfloat16,
    has_bfloat16,
    load_language_model,
    peak_memory_gb,
)
from course_lib.training.policy import Policy
from course_lib.training.ppo import Progress, ppo
from course_lib.training.ratings import load_ratings
from course_lib.training.record import Record
from course_lib.training.reward_model import RewardModel
from course_lib.training.rollout import Rollout, describe_rollout, sample
from course_lib.training.run.checkpoint import read_checkpoint, restore_training, training_tensors, write_checkpoint
from course_lib.training.run.results import join_samples, save_policy, summarise
from course_lib.training.run.resume import (
    beginning,
    refuse_differences,
    telling_how_to_go_on,
    use_threads_of,
    write_beginning,
)
from course_lib.training.run.reward_stage import reward_model_stage, start_reward_model
from course_lib.training.run.run_folder import locked, new_run_folder
from course_lib.training.run.team import ALONE, Team, find_team
from course_lib.training.scorer import REFERENCE_SAMPLES, Scorer, review_prompts
from course_lib.training.settings import STAGES, RunSettings
from course_lib.training.texts import describe_texts, judge


def run_pipeline(
    settings: RunSettings, *, command: str, started: float, resume: Path | None = None
) -> Iterator[Record]:
    """Run the stages of `settings.steps` but for the report, yielding one record a step with its stage and folder.

    Everything is loaded and checked before the run folder is made. `resume` is the folder of a run that was stopped:
    it goes on from its last checkpoint to the numbers that it would have reached. `started` is a time.perf_counter().

    Raises:
        CourseError: a setting, the data, a model, the device or the folder is not as it should be, or the training
            has blown up.
    """
    stages, team = read_stages(settings.steps), find_team(settings.device)
    run = PPORun(settings, team=team) if "ppo" in stages else None
    reward_model = start_reward_model(settings, stages)
    models = {"policy": run and run.policy.lm, "reward_model": reward_model}
    if resume:
        use_threads_of(resume)
        refuse_differences(resume, beginning(settings, models, processes=team.size))
    folder = resume or (new_run_folder(settings.out) if team.rank == 0 else None)
    with locked(folder) if team.rank == 0 else nullcontext(), telling_how_to_go_on(folder):
        if not resume and team.rank == 0:
            write_beginning(folder, {"command": command} | beginning(settings, models, processes=team.size))
        if "reward-model" in stages:
            reward_model = yield from reward_model_stage(reward_model, settings, folder, team)
        if run:
            yield from run.train(reward_model, folder, started=started)


def read_stages(steps: str) -> list[str]:
    """Split the list of stages; raises CourseError where one is unknown, repeated or out of order."""
    stages = [stage.strip() for stage in steps.split(",")]
    known = [stage for stage in STAGES if stage in stages]
    if stages != known:
        raise CourseError(f"Expected --steps to name stages out of {','.join(STAGES)}, in this order, got {steps!r}.")
    return stages


class PPORun:
    """The models and prompts of one PPO run, and what is done with them."""

    def __init__(self, settings: RunSettings, *, team: Team = ALONE):
        self.settings, self.team = settings, team
        self.device = check_device(settings.device)
        lm, self.tokenizer = load_language_model(settings.model or TINY_GPT2, device=self.device)
        settings.check(context=lm.config.max_position_embeddings, processes=team.size)
        self.training_prompts = self.prompts("validation")
        self.test_prompts = self.prompts("test")[: settings.evaluation_prompts]
        self.reference = Policy(copy.deepcopy(lm)).to(self.device).requires_grad_(False)
        value_trunk = copy.deepcopy(lm.base_model) if settings.separate_value_network else None
        self.policy = Policy(lm, value_trunk=value_trunk).to(self.device)
        if settings.bfloat16 and has_bfloat16(self.device.type):
            for trunk in (lm.base_model, self.reference.lm.base_model, value_trunk):
                compute_in_bfloat16(trunk, self.device.type)

    def prompts(self, split: str) -> Int[Tensor, "prompts prompt_len"]:
        """The first tokens of the reviews of one split."""
        sentences = load_ratings(split=split)
        return review_prompts(sentences, self.tokenizer, prompt_len=self.settings.prompt_len).to(self.device)

    def generator(self, use: int) -> torch.Generator:
        """A random stream for each use, so that drawing more for one leaves the others as they were."""
        return torch.Generator(self.device).manual_seed(self.settings.seed + 100_003 * use)

    def continue_prompts(self, prompts: Int[Tensor, "batch prompt_len"], generator: torch.Generator) -> Rollout:
        """Let the policy, as it is now, continue the prompts."""
        return sample(
            self.policy.lm,
            prompts,
            response_len=self.settings.response_len,
            eos_id=self.tokenizer.eos_token_id,
            pad_id=self.tokenizer.pad_token_id,
            temperature=self.settings.temperature,
            generator=generator,
        )

    def reference_samples(self) -> Rollout:
        """What the policy writes before it is trained, for scores to be normalised on."""
        return self.continue_prompts(self.training_prompts[:REFERENCE_SAMPLES], self.generator(1))

    def scorer(self, reward_model: RewardModel) -> Scorer:
        """The reward model as a judge of this policy's texts, its scores normalised on the reference's."""
        scorer = Scorer(self.tokenizer, reward_model)
        scorer.normalise_on(self.reference_samples())
        return scorer

    def records(
        self,
        scorer: Scorer,
        *,
        objective: Callable = clipped_objective,
        gather: Callable[..., Experience] = gather_experience,
        progress: Progress | None = None,
        generator: torch.Generator | None = None,
    ) -> Iterator[Record]:
        """Train the policy with PPO, yielding one record a step; options as in `ppo`."""
        return ppo(
            self.policy,
            self.reference,
            self.training_prompts,
            scorer.score,
            settings=self.settings,
            eos_id=self.tokenizer.eos_token_id,
            pad_id=self.tokenizer.pad_token_id,
            generator=generator or self.training_generator(),
            objective=objective,
            gather=gather,
            measure=scorer.measure,
            progress=progress,
            team=self.team,
        )

    def training_generator(self) -> torch.Generator:
        """The random stream of the training, another one for each rank of a team."""
        return self.generator(2 + 10 * self.team.rank)

    def train(self, reward_model: RewardModel, folder: Path | None, *, started: float) -> Iterator[Record]:
        """PPO between two looks at held-out prompts, on from the folder's last checkpoint if there is one.

        What comes of it is written to the folder, by rank 0 of a team alone.
        """
        if folder and (folder / "summary.json").exists():
            return
        scorer = self.scorer(reward_model)
        before, texts_before = self.evaluate(scorer)
        progress, generator = Progress.start(self.policy, self.settings), self.training_generator()
        records = self.restore(folder, progress, generator) if folder else []
        writes = self.team.rank == 0
        for record in self.records(scorer, progress=progress, generator=generator):
            records.append(record)
            if writes:
                append_line(folder / "metrics.jsonl", record)
            if progress.step % self.settings.checkpoint_every == 0 or progress.step == self.settings.iterations:
                self.keep(folder, progress, generator, records)
            yield {"stage": "ppo", "folder": folder, "steps": self.settings.iterations} | record
        after, texts_after = self.evaluate(scorer)
        if writes:
            write_folder(folder / "policy", lambda path: save_policy(self.policy, self.tokenizer, path))
            write_lines(folder / "samples.jsonl", join_samples(texts_before, texts_after))
            speed = {"seconds": time.perf_counter() - started, "peak_memory_gb": peak_memory_gb(self.device)}
            write_json(folder / "summary.json", summarise(before, after, records, self.settings) | speed)
            shutil.rmtree(folder / "checkpoints")

    def keep(self, folder: Path | None, progress: Progress, generator: torch.Generator, records: list[Record]) -> None:
        """Write a checkpoint: weights, the optimizer's state, the random state of every rank, all records so far."""
        states = self.team.gather(generator.get_state()[None].to(self.device))
        if self.team.rank == 0:
            tensors = training_tensors(self.policy, [progress.optimizer]) | {"generators": states}
            kept = {"kl_coef": progress.kl_coef, "records": records}
            write_checkpoint(folder / "checkpoints", step=progress.step, tensors=tensors, progress=kept)

    def restore(self, folder: Path, progress: Progress, generator: torch.Generator) -> list[Record]:
        """Go back to the last checkpoint of a folder, in place, and return the records up to it; none without one."""
        checkpoint = read_checkpoint(folder / "checkpoints")
        if checkpoint:
            tensors, kept = checkpoint
            restore_training(tensors, self.policy, [progress.optimizer])
            generator.set_state(tensors["generators"][self.team.rank])
            progress.step, progress.kl_coef = len(kept["records"]), kept["kl_coef"]
        records = checkpoint[1]["records"] if checkpoint else []
        if self.team.rank == 0:
            write_lines(folder / "metrics.jsonl", records)
        return records

    @torch.no_grad()
    def describe(self, rollout: Rollout, scores: Float[Tensor, " batch"]) -> Record:
        """Means over responses of the policy as it is now: score, KL, how many end by themselves, length."""
        logprobs, ref_logprobs = (
            model(rollout.token_ids, rollout.response_mask, temperature=self.settings.temperature).logprobs
            for model in (self.policy, self.reference)
        )
        return describe_rollout(rollout, scores, logprobs, ref_logprobs)

    @torch.no_grad()
    def evaluate(self, scorer: Scorer, *, prompts: int | None = None) -> tuple[Record, list[dict]]:
        """Judge the policy, as it is now, on held-out prompts (all, or the first): mean metrics, one record a text."""
        rollout = self.continue_prompts(self.test_prompts[:prompts], self.generator(3))
        prompts = self.tokenizer.batch_decode(rollout.prompt_ids, skip_special_tokens=True)
        texts, scores = scorer.texts(rollout), scorer.score(rollout)
        metrics = self.describe(rollout, scores)
        rows = [
            {"prompt": prompt, "text": text, "score": score, "judge": judge(text)}
            for prompt, text, score in zip(prompts, texts, scores.tolist(), strict=True)
        ]
        return metrics | describe_texts(texts), rows
