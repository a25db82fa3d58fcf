"""The checks behind the exercises: each takes a student's function and prints whether it is right, or what is wrong.

The first line begins with `Passed`, `Not attempted yet` or `Not yet`; no check raises. Lenient where it costs nothing:
a number passes for a tensor without dimensions, float64 for float32, and any names of the positional parameters.
"""

from collections.abc import Callable

from course_lib.classroom.exercises.exercise import verdict
from course_lib.classroom.exercises.mistakes import (
    advantages,
    clipping,
    dpo,
    groups,
    kl,
    logprobs,
    losses,
    masking,
    optimum,
    overoptimization,
    preferences,
    residuals,
    rewards,
)


def check_preference_probability(function: Callable) -> None:
    """Check a student's `preference_probability`."""
    print(verdict(preferences.PREFERENCE_PROBABILITY, function))


def check_bradley_terry_loss(function: Callable) -> None:
    """Check a student's `bradley_terry_loss`."""
    print(verdict(preferences.BRADLEY_TERRY_LOSS, function))


def check_pair_accuracy(function: Callable) -> None:
    """Check a student's `pair_accuracy`."""
    print(verdict(preferences.PAIR_ACCURACY, function))


def check_gain_and_bias(function: Callable) -> None:
    """Check a student's `gain_and_bias`."""
    print(verdict(preferences.GAIN_AND_BIAS, function))


def check_token_logprobs(function: Callable) -> None:
    """Check a student's `token_logprobs`."""
    print(verdict(logprobs.TOKEN_LOGPROBS, function))


def check_entropy(function: Callable) -> None:
    """Check a student's `entropy`."""
    print(verdict(logprobs.ENTROPY, function))


def check_probability_ratio(function: Callable) -> None:
    """Check a student's `probability_ratio`."""
    print(verdict(clipping.PROBABILITY_RATIO, function))


def check_clipped_objective(function: Callable) -> None:
    """Check a student's `clipped_objective`."""
    print(verdict(clipping.CLIPPED_OBJECTIVE, function))


def check_policy_loss(function: Callable) -> None:
    """Check a student's `policy_loss`."""
    print(verdict(losses.POLICY_LOSS, function))


def check_value_loss(function: Callable) -> None:
    """Check a student's `value_loss`."""
    print(verdict(losses.VALUE_LOSS, function))


def check_td_residuals(function: Callable) -> None:
    """Check a student's `td_residuals`."""
    print(verdict(residuals.TD_RESIDUALS, function))


def check_gae(function: Callable) -> None:
    """Check a student's `gae`."""
    print(verdict(advantages.GAE, function))


def check_whiten(function: Callable) -> None:
    """Check a student's `whiten`."""
    print(verdict(masking.WHITEN, function))


def check_kl_shaped_rewards(function: Callable) -> None:
    """Check a student's `kl_shaped_rewards`."""
    print(verdict(rewards.KL_SHAPED_REWARDS, function))


def check_k1(function: Callable) -> None:
    """Check a student's `k1`."""
    print(verdict(kl.K1, function))


def check_k2(function: Callable) -> None:
    """Check a student's `k2`."""
    print(verdict(kl.K2, function))


def check_k3(function: Callable) -> None:
    """Check a student's `k3`."""
    print(verdict(kl.K3, function))


def check_adaptive_kl_coef(function: Callable) -> None:
    """Check a student's `adaptive_kl_coef`."""
    print(verdict(kl.ADAPTIVE_KL_COEF, function))


def check_rloo_advantages(function: Callable) -> None:
    """Check a student's `rloo_advantages`."""
    print(verdict(groups.RLOO_ADVANTAGES, function))


def check_grpo_advantages(function: Callable) -> None:
    """Check a student's `grpo_advantages`."""
    print(verdict(groups.GRPO_ADVANTAGES, function))


def check_dpo_loss(function: Callable) -> None:
    """Check a student's `dpo_loss`."""
    print(verdict(dpo.DPO_LOSS, function))


def check_optimal_policy(function: Callable) -> None:
    """Check a student's `optimal_policy`."""
    print(verdict(optimum.OPTIMAL_POLICY, function))


def check_best_of_n_kl(function: Callable) -> None:
    """Check a student's `best_of_n_kl`."""
    print(verdict(overoptimization.BEST_OF_N_KL, function))


def check_expected_best_of_n(function: Callable) -> None:
    """Check a student's `expected_best_of_n`."""
    print(verdict(overoptimization.EXPECTED_BEST_OF_N, function))


def check_rl_peak(function: Callable) -> None:
    """Check a student's `rl_peak`."""
    print(verdict(overoptimization.RL_PEAK, function))


def check_mean_minus_spread(function: Callable) -> None:
    """Check a student's `mean_minus_spread`."""
    print(verdict(overoptimization.MEAN_MINUS_SPREAD, function))
