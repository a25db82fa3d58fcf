"""The equations that a training climbs by, each under its own name: ours, or a student's in its place."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial

from course_lib.equations import advantages, kl, logprobs, policy_gradient, ppo, preferences
from course_lib.training.own_equations import own

WHOLES = {"gae": {"td_residuals"}, "policy_loss": {"probability_ratio", "clipped_objective"}}
"""Equations that are put together from others."""


@dataclass
class Equations:
    """One small object that names them: with `gae=my_gae` a training climbs by yours, and by ours in all else.

    A method uses some of them. `gae`, `policy_loss`, `grpo_loss` and `dr_grpo_loss`, where they are not given, are
    ours, put together from parts that are fields too: `td_residuals`, `probability_ratio`, `clipped_objective`.
    """

    token_logprobs: Callable = logprobs.token_logprobs
    entropy: Callable = logprobs.entropy
    kl_shaped_rewards: Callable = advantages.kl_shaped_rewards
    td_residuals: Callable = advantages.td_residuals
    gae: Callable | None = None
    whiten: Callable = advantages.whiten
    probability_ratio: Callable = ppo.probability_ratio
    clipped_objective: Callable = ppo.clipped_objective
    policy_loss: Callable | None = None
    value_loss: Callable = ppo.value_loss
    adaptive_kl_coef: Callable = kl.adaptive_kl_coef
    reinforce_advantages: Callable = policy_gradient.reinforce_advantages
    rloo_advantages: Callable = policy_gradient.rloo_advantages
    grpo_advantages: Callable = policy_gradient.grpo_advantages
    reinforce_loss: Callable = policy_gradient.reinforce_loss
    grpo_loss: Callable | None = None
    dr_grpo_loss: Callable | None = None
    dpo_loss: Callable = preferences.dpo_loss

    def __post_init__(self) -> None:
        """Make a sentence of whatever is wrong with an equation that is not ours."""
        for name in self.not_ours:
            setattr(self, name, own(name, getattr(self, name)))

    @classmethod
    def names(cls) -> set[str]:
        """The names of all of them."""
        return {item.name for item in fields(Equations)}

    @property
    def not_ours(self) -> list[str]:
        """The names of those that a student's stands in place of."""
        return [item.name for item in fields(Equations) if getattr(self, item.name) is not item.default]

    def replaced(self, functions: Mapping[str, Callable]) -> "Equations":
        """The same with these in place of ours; what carries another name is passed over."""
        return replace(self, **{name: functions[name] for name in self.names() & functions.keys()})

    @property
    def whole_gae(self) -> Callable:
        """GAE on these TD residuals."""
        return self.gae or partial(advantages.gae, residuals=self.td_residuals)

    @property
    def whole_policy_loss(self) -> Callable:
        """PPO's policy loss on this ratio and this objective."""
        return self.policy_loss or partial(ppo.policy_loss, **self._parts)

    @property
    def whole_grpo_loss(self) -> Callable:
        """GRPO's loss on this ratio and this objective."""
        return self.grpo_loss or partial(policy_gradient.grpo_loss, **self._parts)

    @property
    def whole_dr_grpo_loss(self) -> Callable:
        """Dr. GRPO's loss on this ratio and this objective."""
        return self.dr_grpo_loss or partial(policy_gradient.dr_grpo_loss, **self._parts)

    @property
    def _parts(self) -> dict[str, Callable]:
        return {"ratio": self.probability_ratio, "objective": self.clipped_objective}


def without_parts(functions: Mapping[str, Callable]) -> dict[str, Callable]:
    """Leave out the parts of each whole among them: nothing calls `td_residuals` where `gae` is the student's."""
    unused = {part for whole in WHOLES.keys() & functions.keys() for part in WHOLES[whole]}
    return {name: function for name, function in functions.items() if name not in unused}
