"""TRL's PPOTrainer, set up as our run is, as a contender of the race."""

import copy
from tempfile import TemporaryDirectory

import torch
from datasets import Dataset
from torch import Tensor, nn
from transformers import GPT2ForSequenceClassification, GPT2LMHeadModel, TrainerCallback, set_seed
from trl.experimental.ppo import PPOConfig, PPOTrainer

from course_lib.bench.turns import Turns
from course_lib.training.files.paths import TINY_GPT2
from course_lib.training.language_model import load_language_model
from course_lib.training.record import Record
from course_lib.training.reward_model import RewardModel
from course_lib.training.scorer import Scorer
from course_lib.training.settings import RunSettings
from course_lib.training.setup import Setup


def train(setup: Setup, scorer: Scorer, turns: Turns) -> None:
    """Do one iteration of TRL's loop for each request, and leave the trained weights in the policy of `run`."""
    with TemporaryDirectory() as folder:
        trainer = make_trainer(setup, scorer.reward_model, folder)
        trainer.add_callback(OneStepATurn(trainer, setup, turns))
        set_seed(setup.settings.seed)  # TRL shuffles minibatches with NumPy, which it leaves unseeded
        trainer.train()
    setup.policy.lm.load_state_dict(trainer.policy_model.state_dict())


def make_trainer(setup: Setup, reward_model: RewardModel, folder: str) -> PPOTrainer:
    """TRL's trainer on the models, prompts and settings of a run."""
    name = setup.settings.model or TINY_GPT2
    policy, tokenizer = load_language_model(name)
    reference, _ = load_language_model(name)
    trainer = PPOTrainer(
        args=config(setup.settings, folder),
        processing_class=tokenizer,
        model=policy,
        ref_model=reference,
        value_model=new_value_model(policy),
        reward_model=fold_scale(reward_model),
        train_dataset=Dataset.from_list([{"input_ids": prompt} for prompt in setup.training_prompts.tolist()]),
    )
    # TRL cuts a batch into num_mini_batches, but since 0.17 takes an optimizer step only once in
    # gradient_accumulation_steps of them; at 1 it takes one step a minibatch, as we do.
    trainer.accelerator.gradient_accumulation_steps = 1
    return trainer


def config(settings: RunSettings, folder: str) -> PPOConfig:
    """Our settings under TRL's names; what has no name of TRL's is as TRL does it."""
    return PPOConfig(
        output_dir=folder,
        total_episodes=settings.iterations * settings.batch_size,
        per_device_train_batch_size=settings.batch_size // settings.minibatches,
        gradient_accumulation_steps=settings.minibatches,
        num_mini_batches=settings.minibatches,
        num_ppo_epochs=settings.epochs,
        response_length=settings.response_len,
        stop_token="eos",
        missing_eos_penalty=settings.missing_eos_penalty,
        temperature=settings.temperature,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="linear",
        adam_epsilon=settings.adam_eps,
        kl_coef=settings.kl_coef,
        cliprange=settings.clip_eps,
        cliprange_value=settings.value_clip_eps,
        vf_coef=settings.vf_coef,
        gamma=settings.gamma,
        lam=settings.lam,
        whiten_rewards=settings.whiten_rewards,
        seed=settings.seed,
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        num_sample_generations=0,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )


def new_value_model(policy: GPT2LMHeadModel) -> GPT2ForSequenceClassification:
    """A value network that starts as ours does: a copy of the policy's trunk under a head of zeros."""
    settings = copy.deepcopy(policy.config)
    settings.num_labels = 1
    model = GPT2ForSequenceClassification(settings)
    model.transformer.load_state_dict(policy.transformer.state_dict())
    nn.init.zeros_(model.score.weight)
    return model


def fold_scale(reward_model: RewardModel) -> GPT2ForSequenceClassification:
    """Move gain and bias into the head, so that TRL, which knows neither, sees the same scores; returns the GPT-2."""
    old = reward_model.lm.score
    head = nn.Linear(old.in_features, 1)
    with torch.no_grad():
        head.weight.copy_(reward_model.gain * old.weight)
        head.bias.fill_(reward_model.bias)
    reward_model.lm.score, reward_model.gain, reward_model.bias = head, 1.0, 0.0
    return reward_model.lm


class OneStepATurn(TrainerCallback):
    """Lets TRL's loop go on only when asked, and answers with what it logged.

    What TRL tidies up after a step falls into the time of the next turn, so no work of the loop goes unmeasured.
    """

    def __init__(self, trainer: PPOTrainer, setup: Setup, turns: Turns):
        self.setup, self.turns = setup, turns
        self.real_tokens = 0
        trainer.reward_model.transformer.register_forward_pre_hook(self.count, with_kwargs=True)

    def count(self, module: nn.Module, args: tuple, kwargs: dict[str, Tensor]) -> None:
        """Count the real tokens of a batch where the reward model reads it; TRL logs no length."""
        self.real_tokens = int(kwargs["attention_mask"].sum())

    def on_train_begin(self, args, state, control, **kwargs):
        """Wait before the first step."""
        self.turns.wait()

    def on_step_end(self, args, state, control, **kwargs):
        """Answer, and wait before the next step if there is one."""
        self.turns.answer(self.record(state.log_history[-1]))
        if state.global_step < state.max_steps:
            self.turns.wait()

    def record(self, logged: dict[str, float]) -> Record:
        """What TRL logged under the names of our records; our score is without the penalty for no eos."""
        settings = self.setup.settings
        eos_share = logged["val/num_eos_tokens"] / settings.batch_size
        return {
            "score": logged["objective/scores"] + settings.missing_eos_penalty * (1 - eos_share),
            "kl": logged["objective/kl"],
            "eos_share": eos_share,
            "response_length": self.real_tokens / settings.batch_size - self.setup.training_prompts.shape[1],
        }
