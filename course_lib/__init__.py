"""Reward modeling and PPO for language models: the engine behind the notebooks."""

import os

__version__ = "0.1.0"

# torch's threads wait for each other by spinning: beside a busy browser on two cores, PPO was four to twelve times
# slower than with threads that sleep. It is read when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
