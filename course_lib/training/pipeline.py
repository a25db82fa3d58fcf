"""The whole run: ratings, reward model, PPO, and the folder that tells what happened."""

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import torch
from jaxtyping import Int
from safetensors.torch import save_file
from torch import Tensor

from course_lib.equations.kl import k1
from course_lib.equations.ppo import clipped_objective
from course_lib.training.errors import CourseError
from course_lib.training.fit import FitSettings, PreferredTexts, fit
from course_lib.training.language_model import check_device, load_language_model
from course_lib.training.paths import REWARD_MODEL, TINY_GPT2
from course_lib.training.policy import Policy
from course_lib.training.ppo import Experience, gather_experience, ppo
from course_lib.training.ratings import draw_pairs, load_ratings
from course_lib.training.record import Record
from course_lib.training.reward_model import RewardModel, load_reward_model, new_reward_model
from course_lib.training.rollout import Rollout, sample
from course_lib.training.run_folder import append_line, new_run_folder, versions, write_json, write_lines
from course_lib.training.scorer import REFERENCE_SAMPLES, Scorer, review_prompts
from course_lib.training.settings import STAGES, RunSettings
from course_lib.training.texts import degrades_at, describe_texts, judge

SHOWN_SAMPLES = 24


def run_pipeline(settings: RunSettings, *, command: str, started: float) -> Iterator[Record]:
    """Run the stages of `settings.steps` but for the report, yielding one record a step with its stage and folder.

    Everything is loaded and checked before the run folder is made. `started` is a time.perf_counter().

    Raises:
        CourseError: a setting, the data, a model, the device or the folder is not as it should be.
    """
    stages = read_stages(settings.steps)
    run = PPORun(settings) if "ppo" in stages else None
    device = check_device(settings.device)
    reward_model = None
    if "reward-model" in stages:
        generator = torch.Generator().manual_seed(settings.seed)
        reward_model = new_reward_model(settings.model or TINY_GPT2, generator=generator, device=device)
    elif run:
        reward_model = load_reward_model(settings.reward_model or REWARD_MODEL, device=device)
    folder = new_run_folder(settings.out)
    write_json(folder / "settings.json", {"command": command} | asdict(settings) | {"versions": versions()})
    if "reward-model" in stages:
        yield from train_reward_model(reward_model, settings, folder)
    if run:
        yield from run.train(reward_model, folder, started=started)


def read_stages(steps: str) -> list[str]:
    """Split the list of stages; raises CourseError where one is unknown, repeated or out of order."""
    stages = [stage.strip() for stage in steps.split(",")]
    known = [stage for stage in STAGES if stage in stages]
    if stages != known:
        raise CourseError(f"Expected --steps to name stages out of {','.join(STAGES)}, in this order, got {steps!r}.")
    return stages


def train_reward_model(model: RewardModel, settings: RunSettings, folder: Path) -> Iterator[Record]:
    """Train a reward model on preference pairs of the training reviews, and save it in the run folder."""
    generator = torch.Generator().manual_seed(settings.seed)
    sentences = load_ratings(split="train")
    pairs = draw_pairs(sentences, count=settings.pairs, generator=generator)
    inputs = model.encode([sentence.text for sentence in sentences])
    examples = PreferredTexts.from_pairs(inputs, sentences, pairs)
    fit_settings = FitSettings(epochs=1, learning_rate=settings.reward_learning_rate)
    steps = math.ceil(settings.pairs / fit_settings.batch_size)
    for record in fit(model, examples, settings=fit_settings, generator=generator):
        append_line(folder / "reward_model_metrics.jsonl", record)
        yield {"stage": "reward-model", "folder": folder, "steps": steps} | record
    model.save(folder / "reward-model")


class PPORun:
    """The models and prompts of one PPO run, and what is done with them."""

    def __init__(self, settings: RunSettings):
        self.settings = settings
        self.device = check_device(settings.device)
        lm, self.tokenizer = load_language_model(settings.model or TINY_GPT2, device=self.device)
        settings.check(context=lm.config.max_position_embeddings)
        self.training_prompts = self.prompts("validation")
        self.test_prompts = self.prompts("test")[: settings.evaluation_prompts]
        self.reference = Policy(copy.deepcopy(lm)).to(self.device).requires_grad_(False)
        value_trunk = copy.deepcopy(lm.base_model) if settings.separate_value_network else None
        self.policy = Policy(lm, value_trunk=value_trunk).to(self.device)

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

    def scorer(self, reward_model: RewardModel) -> Scorer:
        """The reward model as a judge of this policy's texts, its scores normalised on the reference's."""
        scorer = Scorer(self.tokenizer, reward_model)
        scorer.normalise_on(self.continue_prompts(self.training_prompts[:REFERENCE_SAMPLES], self.generator(1)))
        return scorer

    def records(
        self,
        scorer: Scorer,
        *,
        objective: Callable = clipped_objective,
        gather: Callable[..., Experience] = gather_experience,
    ) -> Iterator[Record]:
        """Train the policy with PPO, yielding one record a step; `objective` and `gather` as in `ppo`."""
        return ppo(
            self.policy,
            self.reference,
            self.training_prompts,
            scorer.score,
            settings=self.settings,
            eos_id=self.tokenizer.eos_token_id,
            pad_id=self.tokenizer.pad_token_id,
            generator=self.generator(2),
            objective=objective,
            gather=gather,
            measure=scorer.measure,
        )

    def train(self, reward_model: RewardModel, folder: Path, *, started: float) -> Iterator[Record]:
        """PPO between two looks at held-out prompts; what came of it is written to the folder."""
        scorer = self.scorer(reward_model)
        before, texts_before = self.evaluate(scorer)
        records = []
        for record in self.records(scorer):
            append_line(folder / "metrics.jsonl", record)
            records.append(record)
            yield {"stage": "ppo", "folder": folder, "steps": self.settings.iterations} | record
        after, texts_after = self.evaluate(scorer)
        save_policy(self.policy, self.tokenizer, folder / "policy")
        write_lines(folder / "samples.jsonl", join_samples(texts_before, texts_after))
        summary = summarise(before, after, records) | {"seconds": time.perf_counter() - started}
        write_json(folder / "summary.json", summary)

    @torch.no_grad()
    def evaluate(self, scorer: Scorer) -> tuple[Record, list[dict]]:
        """Judge the policy, as it is now, on held-out prompts: mean metrics, and one record a text."""
        rollout = self.continue_prompts(self.test_prompts, self.generator(3))
        logprobs, ref_logprobs = (
            model(rollout.token_ids, rollout.response_mask, temperature=self.settings.temperature).logprobs
            for model in (self.policy, self.reference)
        )
        prompts = self.tokenizer.batch_decode(rollout.prompt_ids, skip_special_tokens=True)
        texts, scores = scorer.texts(rollout), scorer.score(rollout)
        metrics = {
            "score": scores.mean().item(),
            "kl": k1(logprobs, ref_logprobs).sum(dim=1).mean().item(),
            "eos_share": rollout.ended.float().mean().item(),
            "response_length": rollout.response_mask.sum(dim=1).float().mean().item(),
        }
        rows = [
            {"prompt": prompt, "text": text, "score": score, "judge": judge(text)}
            for prompt, text, score in zip(prompts, texts, scores.tolist(), strict=True)
        ]
        return metrics | describe_texts(texts), rows


def join_samples(before: list[dict], after: list[dict]) -> list[dict]:
    """The same prompts continued before and after, with what the reward model and the judge said of each."""
    return [
        {
            "prompt": old["prompt"],
            "before": old["text"],
            "after": new["text"],
            "score_before": old["score"],
            "score_after": new["score"],
            "judge_before": old["judge"],
            "judge_after": new["judge"],
        }
        for old, new in zip(before[:SHOWN_SAMPLES], after, strict=False)
    ]


def summarise(before: Record, after: Record, records: list[Record]) -> Record:
    """Figures on held-out prompts before and after, and the step at which the text started to degrade."""
    summary = {f"{name}_before": value for name, value in before.items()}
    summary |= {f"{name}_after": value for name, value in after.items()}
    summary |= {name: after[name] for name in ("kl", "eos_share", "distinct_2")}
    return summary | {"steps": len(records), "degrades_at": degrades_at(records)}


def save_policy(policy: Policy, tokenizer, folder: Path) -> None:
    """Save the language model as an ordinary Hugging Face checkpoint, with the value head beside it."""
    policy.lm.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    value_parts = {name: tensor for name, tensor in policy.state_dict().items() if not name.startswith("lm.")}
    save_file(value_parts, folder / "value_head.safetensors")
