"""`python -m course_lib class FOLDER`: judges what students handed in and writes class.html, class.csv, marks.csv."""

import secrets
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from tqdm import tqdm

from course_lib.publish.results.handed_in import plain_name, read_class, strangers, writable
from course_lib.publish.results.marks import read_marks
from course_lib.publish.results.page import class_page
from course_lib.publish.results.student import Student
from course_lib.publish.results.table import class_table
from course_lib.publish.results.taste import read_taste, taste_model
from course_lib.publish.results.taste_page import TastePart, taste_part
from course_lib.publish.results.taste_run import TasteRun, Written
from course_lib.publish.results.work import Worker, judge_class
from course_lib.training.files.errors import CourseError
from course_lib.training.files.write import write_text
from course_lib.training.reward_model import RewardModel

PAGE, TABLE = "class.html", "class.csv"


def take_back(folder: Path, *, seed: int | None = None, processes: int = 2, taste: bool = False) -> None:
    """Judge a class's folder and write the results into it; without a seed the inputs are drawn anew each time.

    With `taste` PPO is run toward what the class likes, for a minute more.

    Raises:
        CourseError: there is no such folder, nothing in it, or its table of marks is damaged.
    """
    began, threads = time.monotonic(), torch.get_num_threads()
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
    torch.set_num_threads(threads)
    students.sort(key=lambda student: student.name.casefold())
    title = f"What {plain_name(folder.resolve().name)} made of it"
    seconds = time.monotonic() - began
    write_text(folder / TABLE, writable(class_table(students, marks)))  # first, whatever becomes of the taste
    part = find_taste(students, run=taste)
    page = class_page(students, marks, title=title, seed=seed, seconds=seconds, missing=missing, taste=part)
    write_text(folder / PAGE, writable(page))
    if left_out := strangers(folder):
        print(f"Left out, for it is no folder, zip, notebook or Python file: {', '.join(left_out)}.")
    print(f"{len(students)} students in {seconds:.0f} seconds. Open {folder / PAGE} in a browser.")


def find_taste(students: Sequence[Student], *, run: bool) -> TastePart | None:
    """What there is to say of the class's choices; None where nobody made any."""
    classmates = [student.choices for student in students if student.choices]
    if not classmates:
        return None
    try:
        taste = read_taste(classmates)
    except CourseError as error:
        return TastePart(str(error))
    return taste_part(taste, trained(taste_model(classmates)) if run else ())


def trained(room: RewardModel) -> list[Written]:
    """Run PPO toward the class's taste with a progress bar, and give the texts."""
    training = TasteRun(room)
    steps = training.setup.settings.iterations
    for _ in tqdm(training.records(), total=steps, desc="PPO toward the class's taste", unit="step"):
        pass
    return training.written()
