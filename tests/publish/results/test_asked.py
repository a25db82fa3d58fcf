"""What students answered: predictions, and the quiz as a handout asks it; what is no answer is counted and told."""

import json

from course_lib.publish.results.asked import course_notebooks, questions
from course_lib.publish.results.student import first_answers


def line(question, choice):
    return json.dumps({"question": question, "choice": choice, "time": "2026-11-28T10:00:00"}) + "\n"


def test_the_first_answer_counts_to_predictions_and_quiz_alike():
    told = []
    answers = first_answers(line("quiz-1", "b") + line("clip-predict", "a") + line("quiz-1", "c"), told)
    assert answers == {"quiz-1": "b", "clip-predict": "a"}
    assert not told


def test_what_nobody_asked_is_no_answer():
    told = []
    assert first_answers(line("quiz-99", "a") + line("quiz-1", "z"), told) == {}
    assert told == ["Lines of my_answers.jsonl that are no answers: 2."]


def test_each_notebook_has_its_questions():
    assert "quiz-1" in course_notebooks()["03"][1]
    assert "clip-predict" in course_notebooks()["02"][1]
    assert len(questions()) == sum(len(asked) for _, asked in course_notebooks().values())
