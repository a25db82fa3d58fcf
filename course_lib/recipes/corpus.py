"""Gather the text that the small GPT-2 reads: one text file a source, one text a line.

Sources: the training split of the rated film sentences; film sentences written by the teacher (`generate.py`); the
three other rated sets of Hutto & Gilbert (ICWSM 2014, MIT licence); the glosses and example sentences of WordNet 3.0
(Princeton University, WordNet licence; Miller, 1995, doi:10.1145/219717.219748) as Debian's package wordnet-base
carries them. No held-out film sentence, and no near-copy of one, is in any of them.
"""

import argparse
import gzip
import json
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from course_lib.recipes.ratings import (
    are_near_duplicates,
    download_sdist,
    open_archive,
    read_rated_set,
    trigrams,
)
from course_lib.training.files.entry_point import entry_point
from course_lib.training.files.errors import CourseError
from course_lib.training.files.paths import DATA
from course_lib.training.ratings import load_ratings

GENERATED = DATA / "generated" / "film.jsonl.gz"
WORDNET_FILES = ("data.noun", "data.verb", "data.adj", "data.adv")
STRAIGHT = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "`": "'"})


def words(text: str) -> list[str]:
    """The words of a text in lower case; an apostrophe or a hyphen inside a word parts it."""
    return re.findall(r"[^\W\d_]+", text.lower())


def download_wordnet(folder: Path) -> Path:
    """Fetch Debian's package wordnet-base into `folder`, unpack it and return the folder of its data files."""
    try:
        subprocess.run(["apt-get", "download", "wordnet-base"], cwd=folder, check=True, capture_output=True)
        package = next(folder.glob("wordnet-base*.deb"))
        subprocess.run(["dpkg-deb", "-x", package, folder], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError, StopIteration) as error:
        raise CourseError(
            f"Expected apt-get to download wordnet-base, but it failed ({error}); give WordNet's folder by --wordnet."
        ) from error
    return folder / "usr/share/wordnet"


def wordnet_texts(folder: Path) -> list[str]:
    """Read WordNet's definitions, each behind its word ("respire: breathe ..."), and its example sentences."""
    texts = []
    for name in WORDNET_FILES:
        if not (folder / name).is_file():
            raise CourseError(f"Expected WordNet's {name} in {folder}, but it is not there; check --wordnet.")
        for line in (folder / name).read_text(encoding="utf-8", errors="replace").splitlines():
            if not line.startswith(" ") and " | " in line:  # lines that begin with a blank are the licence
                fields, gloss = line.split(" | ", 1)
                word = re.sub(r"\(.*\)$", "", fields.split(" ")[4]).replace("_", " ")
                definition = gloss.split('; "')[0].strip()
                texts.append(f"{word}: {definition}")
                texts.extend(re.findall(r'"([^"]{12,})"', gloss))
    return texts


def other_rated_texts(sdist: Path) -> list[str]:
    """Read the rated sentences from product reviews, editorials and tweets; addresses and handles are left out."""
    archive = open_archive(sdist)
    texts = [
        record["text"] for name in ("products", "editorials", "tweets") for record in read_rated_set(archive, name)
    ]
    return [text for text in texts if not re.search(r"https?:|www\.|@\w", text)]


class HeldOut:
    """The validation and test sentences, to keep copies of them out of everything that is trained on."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.shingles = [trigrams(text) for text in texts]
        self.holders = defaultdict(list)
        for index, own in enumerate(self.shingles):
            for shingle in own:
                self.holders[shingle].append(index)

    def has_copy_of(self, text: str) -> bool:
        """Say whether a held-out sentence shares half of the shorter text's word trigrams, or all of its words."""
        own = trigrams(text)
        shared = defaultdict(int)
        for shingle in own & self.holders.keys():
            for index in self.holders[shingle]:
                shared[index] += 1
        return any(are_near_duplicates(own, self.shingles[index], shared=count) for index, count in shared.items())


def usable(texts: Iterable[str], held_out: HeldOut) -> Iterator[str]:
    """Pass on each text once, with straight quotes, unless it copies a held-out sentence or is no sentence at all."""
    seen = set()
    for raw in texts:
        text = re.sub(r"\s+", " ", raw.translate(STRAIGHT)).strip()
        key = text.lower()
        if key in seen or len(words(text)) < 2 or not text.isprintable() or held_out.has_copy_of(text):
            continue
        seen.add(key)
        yield text


def readable(text: str) -> bool:
    """Say whether a generated sentence reads like one: up to 255 bytes, Latin script, no word thrice in a row."""
    looping = re.search(r"\b(\w+)(\W+\1\b){2}", text.lower())
    return len(text.encode()) <= 255 and not looping and max(map(ord, text), default=0) < 0x250


def write_texts(texts: Iterable[str], path: Path) -> int:
    """Write one text a line, whole or not at all, and return how many there are."""
    lines = [f"{text}\n" for text in texts]
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text("".join(lines), encoding="utf-8")
    unfinished.replace(path)
    return len(lines)


def read_texts(corpus: Path, name: str) -> list[str]:
    """Read one source of the corpus."""
    path = corpus / f"{name}.txt"
    if not path.is_file():
        raise CourseError(f"Expected the source {name} at {path}, but there is no such file; make the corpus first.")
    return path.read_text(encoding="utf-8").splitlines()


def make_corpus(
    folder: Path, *, sdist: Path | None = None, wordnet: Path | None = None, generated: Path | None = None
) -> dict[str, int]:
    """Write film.txt, rated.txt, wordnet.txt and, where there are generated sentences, generated.txt into `folder`.

    Returns the number of texts in each. Where the sdist or WordNet are not given, they are downloaded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    held_out = HeldOut(sentence.text for split in ("validation", "test") for sentence in load_ratings(split=split))
    with tempfile.TemporaryDirectory() as scratch:
        sources = {
            "film": [sentence.text for sentence in load_ratings(split="train")],
            "rated": other_rated_texts(sdist or download_sdist(Path(scratch))),
            "wordnet": wordnet_texts(wordnet or download_wordnet(Path(scratch))),
        }
    if generated:
        lines = gzip.decompress(generated.read_bytes()).decode().splitlines()
        sources["generated"] = [json.loads(line)["text"] for line in lines]
    return {name: write_texts(usable(texts, held_out), folder / f"{name}.txt") for name, texts in sources.items()}


@entry_point
def main(arguments: list[str] | None = None) -> None:
    """Gather the texts."""
    parser = argparse.ArgumentParser(description="Gather the text that the small GPT-2 reads.")
    parser.add_argument("--out", type=Path, default=Path("build/corpus"), help="folder for the text files")
    parser.add_argument("--sdist", type=Path, help="source distribution of vaderSentiment 3.3.2 (else downloaded)")
    parser.add_argument("--wordnet", type=Path, help="folder with WordNet's data.noun and the like (else downloaded)")
    parser.add_argument("--generated", type=Path, default=GENERATED, help="the teacher's sentences")
    options = parser.parse_args(arguments)
    counts = make_corpus(options.out, sdist=options.sdist, wordnet=options.wordnet, generated=options.generated)
    for name, count in counts.items():
        print(f"{name}: {count} texts")


if __name__ == "__main__":
    sys.exit(main())
