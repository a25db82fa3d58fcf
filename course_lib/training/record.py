"""What a training loop yields at each step."""

Record = dict[str, float | int | None]
"""Named metrics; None where one could not be measured."""

LOOKING_ON = "reward_model"
"""What the reward model says where it is not the one that is pleased."""

PPO_METRICS = ("score", "judge", "kl", "response_length", "eos_share", "distinct_2", "top_word_share")
PPO_METRICS += ("entropy", "clip_fraction", "explained_variance")
"""What a PPO run measures at each step for a reader to look at; pictures choose from these names."""
