"""`python -m course_lib class FOLDER`: judges what students handed in and writes class.html, class.csv, marks.csv."""

import secrets
import time
from pathlib import Path

import torch
from tqdm import tqdm

from course_lib.publish.results.handed_in import plain_name, read_class
from course_lib.publish.results.marks import read_marks
from course_lib.publish.results.page import class_page
from course_lib.publish.results.table import class_table
from course_lib.publish.results.work import Worker, judge_class
from course_lib.training.files.write import write_text

PAGE, TABLE = "class.html", "class.csv"


def take_back(folder: Path, *, seed: int | None = None, processes: int = 2) -> None:
    """Judge a class's folder and write the results into it; without a seed the inputs are drawn anew each time.

    Raises:
        CourseError: there is no such folder, nothing in it, or its table of marks is damaged.
    """
    began = time.monotonic()
    torch.set_num_threads(1)
    workers = [Worker() for _ in range(processes)]  # before anything is read or drawn that no student may see
    try:
        handed, marks = read_class(folder), read_marks(folder)
        seed = secrets.randbelow(10**6) + 2 if seed is None else seed
        missing: set[str] = set()
        judged = judge_class(workers, handed, seed=seed, missing=missing)
        students = list(tqdm(judged, total=len(handed), desc="judging", unit="student"))
    finally:
        for worker in workers:
            worker.end()
    students.sort(key=lambda student: student.name.casefold())
    title = f"What {plain_name(folder.resolve().name)} made of it"
    seconds = time.monotonic() - began
    page = class_page(students, marks, title=title, seed=seed, seconds=seconds, missing=missing)
    write_text(folder / PAGE, page)
    write_text(folder / TABLE, class_table(students, marks))
    print(f"{len(students)} students in {seconds:.0f} seconds. Open {folder / PAGE} in a browser.")
