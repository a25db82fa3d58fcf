"""Where the shipped data lies."""

from pathlib import Path

DATA = Path(__file__).parents[3] / "data"
RATINGS = DATA / "ratings" / "film.jsonl"
TINY_GPT2 = DATA / "tiny-gpt2"
REWARD_MODEL = DATA / "reward-model"
FEATURES = DATA / "features" / "film.safetensors"
RUNS = DATA / "runs"
