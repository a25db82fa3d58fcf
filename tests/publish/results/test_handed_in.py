"""What students hand in is read, whatever it is; what is wrong with it is a sentence."""

import io
import zipfile

import pytest
from shared.invented_class import K1, damaged, notebook

from course_lib.publish.results import handed_in
from course_lib.publish.results.handed_in import LIBRARY_FILE, read_class, strangers
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


def test_more_code_than_anybody_writes_is_not_read(tmp_path):
    much = "x = [" + "1," * 200_000 + "]"
    (tmp_path / "Ada.py").write_text(much)
    (tmp_path / "Bela.ipynb").write_text(notebook(much))
    for name, handed in by_name(tmp_path).items():
        assert not sources(handed)
        assert "characters of code and is left out" in handed.told[0], name


def test_a_notebook_gives_what_it_defines_and_runs_nothing_else(tmp_path):
    cells = ["%matplotlib inline\nimport torch\nlaunch()", "EPS = 1e-8\nx = f(3)", "def broken(:", "!rm x\n" + K1]
    (tmp_path / "Ada.ipynb").write_text(notebook(*cells))
    (source,) = sources(by_name(tmp_path)["Ada"])
    assert source.text == f"import torch\n\n\nEPS = 1e-8\n\n\n{K1.strip()}"


def test_a_function_is_shown_without_comments_and_docstrings():
    text = 'def my_k1(a, b):\n    """By Maxine."""\n    # Maxine\n    return a - b\n'
    assert function_source([Source("f", text)], "my_k1", "f") == "def my_k1(a, b):\n    return a - b"
    assert function_source([Source("f", text)], "my_k1", "g") == ""


def zipped(**files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


def test_a_zip_in_a_folder_or_in_a_zip_is_read_as_teachers_pages_lay_it_out(tmp_path):
    inner = zipped(**{"my_notebooks/my_rlhf.py": K1, "my_notebooks/02.ipynb": notebook(K1)})
    (tmp_path / "Ada_17_file").mkdir()
    (tmp_path / "Ada_17_file" / "work.zip").write_bytes(inner)
    (tmp_path / "Bela.zip").write_bytes(zipped(**{"in/work.zip": inner}))
    (tmp_path / "Caro.zip").write_bytes(zipped(**{"work.zip": zipped(**{"deeper.zip": inner})}))
    found = by_name(tmp_path)
    for name in ("Ada_17_file", "Bela"):
        assert found[name].files.keys() == {LIBRARY_FILE, "my_notebooks/02.ipynb"}
        assert not found[name].told
    assert not found["Caro"].files
    assert found["Caro"].told[0] == "deeper.zip is a zip in a zip in another, and is left out."


def test_files_that_a_browser_renamed_are_taken_behind_those_of_the_right_name(tmp_path):
    for name in ("Ada", "Bela"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "my_rlhf (1).py").write_text(K1)
        (tmp_path / name / "._my_rlhf.py").write_bytes(b"\x00\xff")
        (tmp_path / name / "._02.ipynb").write_bytes(b"\x00\xff")
    (tmp_path / "Bela" / "deep").mkdir()
    (tmp_path / "Bela" / "deep" / LIBRARY_FILE).write_text("")
    (tmp_path / "Caro_my_answers.jsonl").write_text("{}")
    found = by_name(tmp_path)
    assert (found["Ada"].files, found["Ada"].told) == (
        {LIBRARY_FILE: K1},
        ["my_rlhf (1).py is taken for my_rlhf.py."],
    )
    assert (found["Bela"].files, found["Bela"].told) == ({LIBRARY_FILE: ""}, [])
    assert found["Caro_my_answers"].files == {"my_answers.jsonl": "{}"}


def test_a_text_in_utf_16_is_read(tmp_path):
    (tmp_path / "Ada.py").write_bytes(K1.encode("utf-16"))
    assert by_name(tmp_path)["Ada"].files == {LIBRARY_FILE: K1}


def test_students_of_the_same_name_are_told_apart(tmp_path):
    (tmp_path / "Kim").mkdir()
    (tmp_path / "kim.zip").write_bytes(zipped())
    (tmp_path / "Li.py").write_text(K1)
    assert list(by_name(tmp_path)) == ["Kim (folder)", "Li", "kim (kim.zip)"]


def test_what_is_packed_otherwise_is_a_student_s_and_what_is_nobody_s_is_named(tmp_path):
    for name in ("Ada.rar", "Bela.tar.gz", "grades.xlsx", "class.html", ".DS_Store"):
        (tmp_path / name).write_bytes(b"x")
    found = by_name(tmp_path)
    assert found.keys() == {"Ada", "Bela.tar"}
    assert "unpack it, or zip it" in found["Ada"].told[0]
    assert strangers(tmp_path) == ["grades.xlsx"]


def test_a_student_s_files_are_bounded_together_those_in_zips_too(tmp_path, monkeypatch):
    monkeypatch.setattr(handed_in, "MOST_IN_ALL", 1000)
    many = zipped(**{f"{number}.ipynb": " " * 300 for number in range(9)})
    (tmp_path / "Ada.zip").write_bytes(many)
    (tmp_path / "Bela").mkdir()
    for number in range(9):
        (tmp_path / "Bela" / f"{number}.zip").write_bytes(zipped(**{LIBRARY_FILE: "#" * 300, "a.zip": "#" * 300}))
    found = by_name(tmp_path)
    assert len(found["Ada"].files) == 3
    assert "cannot be read: there are more than" in found["Ada"].told[0]
    assert found["Bela"].files.keys() == {LIBRARY_FILE}
    assert sum("there are more than" in told for told in found["Bela"].told) > 3


def test_the_environment_in_a_zip_does_not_crowd_out_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(handed_in, "MOST_FILES", 5)
    files = {f".venv/lib/{number}.py": "" for number in range(9)} | {"my_notebooks/my_rlhf.py": K1}
    (tmp_path / "Ada.zip").write_bytes(zipped(**files))
    assert by_name(tmp_path)["Ada"].files == {LIBRARY_FILE: K1}
