"""Reward modeling and PPO for language models: the engine behind the notebooks."""

__version__ = "0.1.0"
