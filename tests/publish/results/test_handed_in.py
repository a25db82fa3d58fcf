"""What students hand in is read, whatever it is; what is wrong with it is a sentence."""

import zipfile

import pytest
from shared.invented_class import K1, damaged, notebook

from course_lib.publish.results import handed_in
from course_lib.publish.results.handed_in import LIBRARY_FILE, read_class
from course_lib.publish.results.sources import Source, function_source, sources
from course_lib.training.files.errors import CourseError


def by_name(folder):
    return {handed.name: handed for handed in read_class(folder)}


def test_a_folder_a_zip_a_notebook_and_a_file_are_each_a_student(tmp_path):
    (tmp_path / "Ada" / "deep").mkdir(parents=True)
    (tmp_path / "Ada" / "deep" / LIBRARY_FILE).write_text(K1)
    (tmp_path / "Ada" / "my_answers.jsonl").write_text("")
    with zipfile.ZipFile(tmp_path / "Bela.zip", "w") as archive:
        archive.writestr("__MACOSX/my_rlhf.py", "junk")
        archive.writestr("work\\my_rlhf.py", "\ufeff" + K1)
    (tmp_path / "Caro.ipynb").write_text(notebook(K1))
    (tmp_path / "Dmitri.py").write_text(K1)
    (tmp_path / "class.csv").write_text("written by this command")
    found = by_name(tmp_path)
    assert list(found) == ["Ada", "Bela", "Caro", "Dmitri"]
    assert not any(handed.told for handed in found.values())
    assert found["Ada"].files.keys() == {LIBRARY_FILE, "my_answers.jsonl"}
    assert {found[name].files[LIBRARY_FILE] for name in ("Ada", "Bela", "Dmitri")} == {K1}
    assert all("def my_k1" in sources(handed)[0].text for handed in found.values())


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("cut off", "It cannot be read: File is not a zip file."),
        ("bomb", "my_rlhf.py is larger than 5 MB and is left out."),
        ("binary", "my_rlhf.py is not text in UTF-8."),
        ("empty", "There is none of my_rlhf.py, my_choices.jsonl, my_answers.jsonl, and no notebook."),
        ("elsewhere", "It is a link to somewhere else, which is not followed."),
        ("no Python", "my_rlhf.py is no Python in line 1: invalid syntax."),
        ("no notebook", "no notebook.ipynb is no notebook of format 4."),
    ],
)
def test_damage_is_told_in_a_sentence(tmp_path, name, says):
    damaged(tmp_path)
    handed = by_name(tmp_path)[name]
    assert not sources(handed)
    assert says in handed.told


def test_a_zip_that_is_longer_than_it_says_is_not_read_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(handed_in, "MOST_BYTES", 1000)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(LIBRARY_FILE, "#" * 10_000)
    content = (tmp_path / "a.zip").read_bytes()
    lying = content.replace((10_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    assert lying != content
    (tmp_path / "a.zip").write_bytes(lying)
    (handed,) = read_class(tmp_path)
    assert not handed.files
    assert len(handed.told) == 2


def test_a_link_within_a_folder_is_not_followed(tmp_path):
    (tmp_path / "secret").write_text(K1)
    (tmp_path / "class" / "Ada").mkdir(parents=True)
    (tmp_path / "class" / "Ada" / LIBRARY_FILE).symlink_to(tmp_path / "secret")
    assert not by_name(tmp_path / "class")["Ada"].files


def test_no_class_is_one_sentence(tmp_path):
    with pytest.raises(CourseError, match="there is no such folder"):
        read_class(tmp_path / "none")
    with pytest.raises(CourseError, match="it has nothing"):
        read_class(tmp_path)


def test_a_name_has_no_signs_that_a_page_cannot_show(tmp_path):
    (tmp_path / ("x" * 200)).mkdir()
    (tmp_path / "ab\u202eg").mkdir()
    assert list(by_name(tmp_path)) == ["abg", "x" * 80]


def test_a_notebook_gives_what_it_defines_and_runs_nothing_else(tmp_path):
    cells = ["%matplotlib inline\nimport torch\nlaunch()", "EPS = 1e-8\nx = f(3)", "def broken(:", "!rm x\n" + K1]
    (tmp_path / "Ada.ipynb").write_text(notebook(*cells))
    (source,) = sources(by_name(tmp_path)["Ada"])
    assert source.text == f"import torch\n\n\nEPS = 1e-8\n\n\n{K1.strip()}"


def test_a_function_is_shown_without_comments_and_docstrings():
    text = 'def my_k1(a, b):\n    """By Maxine."""\n    # Maxine\n    return a - b\n'
    assert function_source([Source("f", text)], "my_k1", "f") == "def my_k1(a, b):\n    return a - b"
    assert function_source([Source("f", text)], "my_k1", "g") == ""
