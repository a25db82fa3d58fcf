"""Every setting of a run with its default; where a default departs from OpenAI's code, the line says why."""

import math
from dataclasses import dataclass, field, fields

from course_lib.training.files.errors import CourseError

STAGES = ("reward-model", "ppo", "report")
VALUE_NETWORKS = ("reward-model", "policy", "separate")
MAY_BE_ZERO = ("adam_eps", "max_grad_norm", "value_clip_eps", "vf_coef", "ent_coef", "lam", "kl_coef", "kl_target")
MAY_BE_ZERO += ("target_kl", "missing_eos_penalty", "seed")


def setting(default, help: str):
    """A dataclass field with a help text; the command line takes its flags from these."""
    return field(default=default, metadata={"help": help})


@dataclass
class PPOSettings:
    """Settings of PPO; read anew at every step, so that a running training can be steered.

    Defaults are those of Ziegler et al. 2019 (arXiv:1909.08593) as their code has them (lm-human-preferences,
    train_policy.py) but for: the learning rate (theirs, 1e-5, is for 124M parameters or more), the batch (512),
    2 minibatches (1), a fixed kl_coef (adaptive from .15), rewards that are not whitened (scores come normalised),
    advantages whitened once a batch (in each minibatch), clipped gradients (none), PyTorch's Adam (TensorFlow's adds
    its epsilon before the bias is corrected, so that for a vanishing gradient our first step is up to 31.6 times
    theirs), and responses that end at eos (theirs ran on to a full stop after token 16, and scored -1 without one;
    here a penalty is subtracted, so that a good text still beats a bad one). Three more follow from a budget of a
    minute: 2 passes (4) over more fresh texts, a lam of .9 (.95), and values that begin as the reward model's
    score of the text so far, its trunk frozen (Stiennon et al. 2020, arXiv:2009.01325, begin so too, and train the
    trunk). What each of them is worth the experiment `nats` shows.
    """

    iterations: int = setting(20, "PPO iterations: each samples a batch of responses and trains on it")
    batch_size: int = setting(128, "responses sampled in one iteration")
    response_len: int = setting(24, "most tokens in a response; it ends earlier at the end-of-text token")
    temperature: float = setting(0.7, "logits are divided by it, in sampling and in every log-probability")
    epochs: int = setting(2, "passes over each batch")
    minibatches: int = setting(2, "optimizer steps in one pass; the batch is shuffled and cut anew each time")
    learning_rate: float = setting(4e-4, "Adam's learning rate at the first step; it falls linearly to 0")
    adam_eps: float = setting(1e-5, "Adam's epsilon")
    max_grad_norm: float = setting(1.0, "longer gradients are scaled down to this norm; 0 turns it off")
    clip_eps: float = setting(0.2, "PPO's clip range of the probability ratio")
    value_clip_eps: float = setting(0.2, "clip range of the value function around its old value; 0 turns it off")
    vf_coef: float = setting(0.1, "weight of the value loss")
    ent_coef: float = setting(0.0, "weight of the entropy bonus")
    gamma: float = setting(1.0, "discount per token")
    lam: float = setting(0.9, "GAE's lambda: 0 trusts the value function, 1 the sampled return")
    kl_coef: float = setting(0.12, "weight of the KL penalty in the reward of each token")
    kl_target: float = setting(0.0, "adapt kl_coef toward this KL in nats; 0 keeps it fixed (OpenAI: 6)")
    kl_horizon: float = setting(10_000.0, "responses over which the adaptive kl_coef moves by its own size")
    target_kl: float = setting(0.0, "stop the passes once approx_kl, measured on that batch, exceeds this; 0 is off")
    missing_eos_penalty: float = setting(1.0, "taken from the score of a response that does not end by itself")
    whiten_rewards: bool = setting(False, "scale rewards to variance 1 (their mean stays)")
    whiten_advantages: bool = setting(True, "shift and scale advantages to mean 0, variance 1")
    value_network: str = setting("reward-model", "what values are read from: reward-model, policy or separate")


@dataclass
class RunSettings(PPOSettings):
    """Settings of a whole run: which models, which stages, where to write, and PPO's own."""

    out: str = setting("", "folder to write, new or empty (empty: the next free runs/run-N)")
    steps: str = setting("ppo,report", "stages, in order and separated by commas: reward-model, ppo, report")
    model: str = setting("", "GPT-2 to train: a folder or a hub name such as gpt2 (empty: data/tiny-gpt2)")
    pairs: int = setting(4096, "preference pairs that the stage reward-model trains on, once")
    preferences: str = setting("", "pairs of yours in their place: chosen and rejected in JSON lines, CSV or Parquet")
    reward_learning_rate: float = setting(1e-3, "learning rate of that stage (for larger models 5e-5, as OpenAI)")
    equations: str = setting("", "Python file of yours: its functions replace the equations of their names")
    reward_model: str = setting("", "reward model to please: a folder or hub name (empty: data/reward-model)")
    reward: str = setting("", "reward of yours to please in its place, FILE.py:FUNCTION: it takes texts, gives numbers")
    device: str = setting("cpu", "cpu or cuda")
    bfloat16: bool = setting(True, "compute in bfloat16 on a GPU that has it; heads and losses stay in float32")
    checkpoint_every: int = setting(5, "steps between checkpoints, from which --resume goes on")
    seed: int = setting(0, "every random draw follows from it")
    prompt_len: int = setting(4, "tokens of a review that the policy is given to continue")
    prompts: str = setting("", "prompts of yours in their place, whole: a file of lines, JSON lines, CSV or Parquet")
    evaluation_prompts: int = setting(256, "held-out prompts on which the policy is judged before and after")

    def check(self, *, context: int, processes: int = 1) -> None:
        """Raise CourseError where a number is out of range, or prompt and response exceed the model's context.

        Each of several processes needs a row of every minibatch, and as many rows of a batch as the others.
        """
        for item in fields(self):
            value = getattr(self, item.name)
            if type(value) in (int, float):
                least = "0 or more" if item.name in MAY_BE_ZERO else "more than 0"
                if not math.isfinite(value) or value < 0 or (value == 0 and item.name not in MAY_BE_ZERO):
                    raise CourseError(f"Expected {flag(item.name)} to be {least}, got {value}; change it.")
        if self.value_network not in VALUE_NETWORKS:
            raise CourseError(
                f"Expected --value-network out of {', '.join(VALUE_NETWORKS)}, got {self.value_network!r}; change it."
            )
        if self.kl_target and not 0 < self.batch_size / 5 < self.kl_horizon * (self.kl_coef > 0):
            raise CourseError(
                "Expected --kl-coef above 0 and --kl-horizon above a fifth of the batch for a coefficient that adapts, "
                f"got {self.kl_coef:g}, {self.kl_horizon:g} and a batch of {self.batch_size}; change them."
            )
        if self.batch_size % processes or self.batch_size // self.minibatches < processes:
            raise CourseError(
                f"Expected a batch that {processes} processes and {self.minibatches} minibatches can share, but it is "
                f"{self.batch_size}; change --batch-size or --minibatches."
            )
        needed = 1 + self.prompt_len + self.response_len
        if needed > context:
            raise CourseError(
                f"Expected prompt and response to fit the context of {context} tokens, but 1 + {self.prompt_len} + "
                f"{self.response_len} = {needed}; lower --prompt-len or --response-len."
            )


def flag(name: str) -> str:
    """The option on the command line for a setting."""
    return "--" + name.replace("_", "-")
