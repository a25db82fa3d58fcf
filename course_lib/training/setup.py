"""What a training is done with: the models, the prompts, the random streams; and what is asked of them."""

import copy
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_lib.training.files.paths import TINY_GPT2
from course_lib.training.language_model import check_device, compute_in_bfloat16, has_bfloat16, load_language_model
from course_lib.training.method import Method
from course_lib.training.own_prompts import Prompts, own_prompts
from course_lib.training.own_reward import OwnReward, own_reward
from course_lib.training.policy import Policy
from course_lib.training.ppo import train
from course_lib.training.progress import ALONE, Progress, Team
from course_lib.training.ratings import load_ratings
from course_lib.training.record import LOOKING_ON, Record
from course_lib.training.reward_model import RewardModel
from course_lib.training.rollout import Rollout, describe_rollout, sample
from course_lib.training.scorer import REFERENCE_SAMPLES, Scorer, TextScorer, review_prompts
from course_lib.training.settings import RunSettings
from course_lib.training.texts import describe_texts, judge

OWN_TRUNK = (
    "{} cannot read the policy's tokens one by one, so values are read from the policy's own trunk, with a head that "
    "starts at zero."
)


class Setup:
    """The policy, the reference that it begins as, and the prompts of one training, made from its settings.

    Raises:
        CourseError: a setting, the data, the model or the device is not as it should be.
    """

    def __init__(self, settings: RunSettings, *, team: Team = ALONE):
        self.settings, self.team = settings, team
        self.device = check_device(settings.device)
        lm, self.tokenizer = load_language_model(settings.model or TINY_GPT2, device=self.device)
        context = lm.config.max_position_embeddings
        settings.check(context=context, processes=team.size)
        self.training_prompts, self.test_prompts = self.prompts(context=context)
        self.reference = Policy.of(copy.deepcopy(lm), self.tokenizer).to(self.device).requires_grad_(False)
        value_trunk = copy.deepcopy(lm.base_model) if settings.value_network == "separate" else None
        self.policy = Policy.of(lm, self.tokenizer, value_trunk=value_trunk).to(self.device)
        if settings.bfloat16 and has_bfloat16(self.device.type):
            for trunk in (lm.base_model, self.reference.lm.base_model, value_trunk):
                compute_in_bfloat16(trunk, self.device.type)

    def prompts(self, *, context: int) -> tuple[Prompts, Prompts]:
        """Those to train on, and those to judge by: the user's own, or the first tokens of reviews."""
        settings = self.settings
        if settings.prompts:
            options = {"most_tokens": context - 1 - settings.response_len, "tell": self.team.rank == 0}
            train, test = own_prompts(Path(settings.prompts), self.tokenizer, **options)
            test = as_many(test, settings.evaluation_prompts)
        else:
            reviews = (load_ratings(split=split) for split in ("train", "test"))
            train, test = (review_prompts(part, self.tokenizer, prompt_len=settings.prompt_len) for part in reviews)
        return train.to(self.device), test[: settings.evaluation_prompts].to(self.device)

    def generator(self, use: int) -> torch.Generator:
        """A random stream for each use, so that drawing more for one leaves the others as they were."""
        return torch.Generator(self.device).manual_seed(self.settings.seed + 100_003 * use)

    def start(self, reward_model: TextScorer | None = None) -> Progress:
        """The progress of a training that has not begun, with a random stream of its own for each rank of a team.

        With a reward model, and settings that say so, its score of the text so far is what values begin as.
        """
        if reward_model and self.settings.value_network == "reward-model":
            if isinstance(reward_model, RewardModel) and self.reads_our_tokens(reward_model):
                self.policy.read_values_from(reward_model)
            elif self.team.rank == 0:
                who = "A reward of your own" if isinstance(reward_model, OwnReward) else "The reward model"
                print(OWN_TRUNK.format(who), file=sys.stderr)
        generator = self.generator(2 + 10 * self.team.rank)
        return Progress.start(self.policy, self.settings, generator=generator, team=self.team)

    def reads_our_tokens(self, reward_model: RewardModel) -> bool:
        """Tell whether a reward model can read what the policy writes, token by token."""
        ours, theirs = self.tokenizer.get_vocab(), reward_model.tokenizer.get_vocab()
        same = ours.items() <= theirs.items() and len(theirs) <= len(ours) + 1  # it may have a padding token more
        longest = self.training_prompts.shape[1] + self.settings.response_len
        return same and longest <= reward_model.lm.config.max_position_embeddings

    def continue_prompts(
        self, prompts: Int[Tensor, "batch prompt_len"], generator: torch.Generator, *, policy: nn.Module | None = None
    ) -> Rollout:
        """Let the policy, as it is now, continue the prompts; or another one, the reference say."""
        length, temperature = self.settings.response_len, self.settings.temperature
        return sample(policy or self.policy, prompts, response_len=length, temperature=temperature, generator=generator)

    def reference_samples(self) -> Rollout:
        """What the reference writes, for scores to be normalised on."""
        prompts = as_many(self.training_prompts, REFERENCE_SAMPLES)
        return self.continue_prompts(prompts, self.generator(1), policy=self.reference)

    def scorer(self, reward_model: TextScorer, *, reward: TextScorer | Callable | None = None) -> Scorer:
        """The reward model as a judge of this policy's texts, its scores normalised on the reference's.

        With a `reward` of a student's own, which is what then is pleased, the reward model looks on.
        """
        scorer = Scorer(self.tokenizer, reward_model)
        if reward is not None:
            scorer = Scorer(self.tokenizer, own_reward(reward), onlookers={LOOKING_ON: reward_model})
        scorer.normalise_on(self.reference_samples())
        return scorer

    def records(
        self,
        scorer: Scorer,
        *,
        method: Method | None = None,
        progress: Progress | None = None,
    ) -> Iterator[Record]:
        """Train the policy, with PPO unless another method is given, yielding one record a step.

        To the records of `train` it adds what the scorer measures of the texts, and seconds.
        """
        has_critic = method is None or method.has_critic
        progress = progress or self.start(scorer.reward_model if has_critic else None)
        watched = Watched(scorer, self.team)
        models = self.policy, self.reference, self.training_prompts
        records = train(*models, watched.score, settings=self.settings, method=method, progress=progress)
        while True:
            watched.started = time.perf_counter()
            record = next(records, None)
            if record is None:
                return
            yield record | watched.measured()

    @torch.no_grad()
    def describe(self, rollout: Rollout, scores: Float[Tensor, " batch"], *, policy: nn.Module | None = None) -> Record:
        """Means over responses of the policy as it is now: score, KL, how many end by themselves, length."""
        logprobs, ref_logprobs = (
            model(rollout.token_ids, rollout.response_mask, temperature=self.settings.temperature).logprobs
            for model in (policy or self.policy, self.reference)
        )
        return describe_rollout(scores, logprobs, ref_logprobs, rollout.response_mask, rollout.ended)

    @torch.no_grad()
    def evaluate(
        self, scorer: Scorer, *, prompts: int | None = None, policy: nn.Module | None = None
    ) -> tuple[Record, list[dict]]:
        """Judge the policy, as it is now, on held-out prompts (all, or the first): mean metrics, one record a text."""
        rollout = self.continue_prompts(self.test_prompts[:prompts], self.generator(3), policy=policy)
        beginnings = self.tokenizer.batch_decode(rollout.prompt_ids, skip_special_tokens=True)
        texts, scores = scorer.texts(rollout), scorer.score(rollout)
        columns = {"prompt": beginnings, "text": texts, "score": scores.tolist(), "judge": [*map(judge, texts)]}
        seen = {name: onlooker.score(texts) for name, onlooker in scorer.onlookers.items()}
        columns |= {name: theirs.tolist() for name, theirs in seen.items()}
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        means = {name: theirs.mean().item() for name, theirs in seen.items()}
        return self.describe(rollout, scores, policy=policy) | describe_texts(texts) | means, rows


def as_many(prompts: Int[Tensor, "prompts prompt_len"], count: int) -> Int[Tensor, "count prompt_len"]:
    """The first `count` prompts, over and over where there are fewer."""
    return prompts[torch.arange(count, device=prompts.device) % len(prompts)]


class Watched:
    """A scorer, watched: when it was asked, and what was written. Each process of a team scores its part."""

    def __init__(self, scorer: Scorer, team: Team):
        self.scorer, self.team = scorer, team
        self.started = time.perf_counter()
        self.asked = self.answered = self.started
        self.rollout: Rollout | None = None

    def score(self, rollout: Rollout) -> Float[Tensor, " batch"]:
        """The scorer's score of every row."""
        self.rollout, self.asked = rollout, time.perf_counter()
        mine = torch.arange(len(rollout.ended), device=rollout.ended.device).chunk(self.team.size)[self.team.rank]
        scores = self.team.gather(self.scorer.score(rollout.rows(mine)))
        self.answered = time.perf_counter()
        return scores

    def measured(self) -> Record:
        """What the scorer measures of the last texts, and the seconds of the step: sampling, scoring, learning, all."""
        learned = time.perf_counter()
        measured = self.scorer.measure(self.rollout)
        return measured | {
            "rollout_seconds": self.asked - self.started,
            "scoring_seconds": self.answered - self.asked,
            "update_seconds": learned - self.answered,
            "seconds": time.perf_counter() - self.started,
        }
