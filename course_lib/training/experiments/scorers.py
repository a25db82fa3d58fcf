"""How good scorers are, from one that knows nothing to half of the people, on held-out sentences."""

import json

from course_lib.training.files.checksums import verify
from course_lib.training.files.paths import REWARD_MODEL

RESULTS = REWARD_MODEL / "results.json"
SHIPPED = "GPT-2, from ratings and a teacher's scores (shipped)"


def load_scorers() -> dict[str, float]:
    """Read the pair accuracy of each scorer, by its name in `data/reward-model/results.json`."""
    verify(RESULTS)
    scorers = json.loads(RESULTS.read_text(encoding="utf-8"))["scorers"]
    return {name: figures["pair_accuracy"] for name, figures in scorers.items()}
