import re
import shutil
import subprocess

import pytest

from course_lib.training.files import checksums
from course_lib.training.files.checksums import SUMS, listed_files, read_checksums, sha256, verify, write_checksums
from course_lib.training.files.errors import CourseError
from course_lib.training.files.paths import DATA

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1


@pytest.fixture
def data(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_bytes(b"abc")
    (tmp_path / "model-notes").write_bytes(b"")
    (tmp_path / ".DS_Store").write_bytes(b"junk")
    (tmp_path / "README.md").write_text("prose")
    write_checksums(tmp_path)
    return tmp_path


def test_everything_shipped_is_listed_and_matches():
    listed = {path.relative_to(DATA).as_posix(): sha256(path) for path in listed_files()}
    assert read_checksums() == listed, "data/ and data/SHA256SUMS differ; run `make checksums`"


def test_shipped_data_stays_small():
    assert sum(path.stat().st_size for path in DATA.rglob("*") if path.is_file()) < 45e6


def test_a_known_sum_in_the_format_of_sha256sum(data):
    assert f"{ABC}  model/weights\n" in (data / SUMS).read_text()
    assert sorted(read_checksums(data)) == ["model-notes", "model/weights"]


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="no sha256sum on this system")
def test_sha256sum_itself_agrees(data):
    subprocess.run(["sha256sum", "--check", "--strict", SUMS], cwd=data, check=True, capture_output=True)


def test_intact_files_and_folders_pass(data):
    verify(data / "model", data=data)
    verify(data / "model" / "weights", data=data)


def test_the_whole_folder_can_be_checked(data):
    verify(data, data=data)
    (data / "model" / "weights").write_bytes(b"abd")
    with pytest.raises(CourseError, match="model/weights"):
        verify(data, data=data)


def test_a_folder_of_ones_own_has_no_sum_and_passes(data, tmp_path_factory):
    verify(tmp_path_factory.mktemp("run"), data=data)


def test_a_changed_byte_is_named_with_both_sums(data):
    (data / "model" / "weights").write_bytes(b"abd")
    with pytest.raises(
        CourseError, match=r"model/weights with SHA-256 ba7816bf8f01…, but found a file with a52d159f262b"
    ):
        verify(data / "model", data=data)


def test_a_missing_file_is_named(data):
    (data / "model" / "weights").unlink()
    with pytest.raises(CourseError, match=r"model/weights .*, but found no such file; make it again"):
        verify(data / "model", data=data)


def test_advice_can_be_followed_in_a_clone_and_without_git(tmp_path, monkeypatch):
    data = tmp_path / "my course" / "data"
    (data / "model").mkdir(parents=True)
    (data / "model" / "weights").write_bytes(b"abc")
    write_checksums(data)
    monkeypatch.setattr(checksums, "DATA", data)
    (data / "model" / "weights").write_bytes(b"abd")
    with pytest.raises(CourseError, match=r"; unpack the course again\.$"):
        verify(data / "model", data=data)
    git = ["git", "-C", str(data.parent), "-c", "user.name=x", "-c", "user.email=x@x"]
    (data / "model" / "weights").write_bytes(b"abc")
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"]):
        subprocess.run(git + command, check=True)
    (data / "model" / "weights").write_bytes(b"abd")
    with pytest.raises(CourseError) as error:
        verify(data / "model", data=data)
    advice = re.search(r"run `(git .*? checkout .*?)` to restore it", str(error.value))[1]
    subprocess.run(advice, shell=True, check=True, cwd="/", capture_output=True)  # from any folder
    verify(data / "model", data=data)


def test_damage_elsewhere_does_not_matter(data):
    (data / "model-notes").write_bytes(b"changed")
    verify(data / "model", data=data)


def test_a_file_nobody_listed_is_refused(data):
    (data / "new").write_bytes(b"")
    with pytest.raises(CourseError, match=r"to list .*/new, but it does not"):
        verify(data / "new", data=data)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_text("<html>"),
        lambda path: path.write_text(path.read_text() + f"{'0' * 64}  model/weights\n"),
        lambda path: path.write_text(path.read_text().replace(ABC, ABC[:-1])),
    ],
)
def test_a_missing_or_damaged_list_is_one_sentence(data, damage):
    damage(data / SUMS)
    with pytest.raises(CourseError, match="to list a sum and a path on each line"):
        verify(data / "model", data=data)
