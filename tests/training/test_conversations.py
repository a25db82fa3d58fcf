"""Prompts and preferences in the forms of TRL and of the hub."""

import pytest

from course_lib.training.conversations import pairs_of, prompts_of
from course_lib.training.files.errors import CourseError

ASKED, GOOD, BAD = "Is it good?", "It is.", "It is not."


def said(*contents, roles=("user", "assistant")):
    return [{"role": roles[i % 2], "content": content} for i, content in enumerate(contents)]


def placed(*rows):
    return [(f"line {number} of a.jsonl", row) for number, row in enumerate(rows, start=1)]


FORMS = {
    "TRL's texts": ({"prompt": "It", "chosen": " is.", "rejected": " is not."}, ("It", "It is.", "It is not.")),
    "texts alone": ({"chosen": GOOD, "rejected": BAD}, ("", GOOD, BAD)),
    "an empty prompt": ({"prompt": None, "chosen": GOOD, "rejected": BAD}, ("", GOOD, BAD)),
    "TRL's messages": (
        {"prompt": said(ASKED), "chosen": said(GOOD), "rejected": said(BAD)},
        ("Is it good?\n", "Is it good?\nIt is.", "Is it good?\nIt is not."),
    ),
    "whole conversations": (
        {"chosen": said(ASKED, GOOD), "rejected": said(ASKED, BAD)},
        ("Is it good?\n", "Is it good?\nIt is.", "Is it good?\nIt is not."),
    ),
    "whole conversations with their prompt beside": (
        {"prompt": ASKED, "chosen": said(ASKED, GOOD), "rejected": said(ASKED, BAD), "score": 3},
        ("Is it good?\n", "Is it good?\nIt is.", "Is it good?\nIt is not."),
    ),
    "whole texts with their prompt beside": (
        {"prompt": "Is it?", "chosen": "Is it? Yes\nYes", "rejected": "Is it? Yes\nNo"},
        ("Is it?", "Is it? Yes\nYes", "Is it? Yes\nNo"),
    ),
    "other names of a message's parts": (
        {"chosen": [{"from": "human", "value": "A"}, {"from": "gpt", "value": "B"}], "rejected": [{"value": "C"}]},
        ("", "A\nB", "C"),
    ),
    "hh-rlhf": (
        {
            "chosen": "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Why\n\nAssistant: I think so.",
            "rejected": "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Why\n\nAssistant: I know.",
        },
        (
            "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Why\n\nAssistant:",
            "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Why\n\nAssistant: I think so.",
            "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Why\n\nAssistant: I know.",
        ),
    ),
}


@pytest.mark.parametrize(("row", "expected"), FORMS.values(), ids=FORMS.keys())
def test_every_form_gives_whole_texts_and_what_both_begin_with(row, expected):
    assert pairs_of(placed(row)) == [expected]
    assert prompts_of(placed(row)) == [expected[0]]


def test_answers_that_happen_to_begin_as_their_prompt_are_still_answers():
    rows = [{"prompt": "A", "chosen": "A film", "rejected": "A plot"}, {"prompt": "B", "chosen": "C", "rejected": "D"}]
    assert [pair.chosen for pair in pairs_of(placed(*rows))] == ["AA film", "BC"]


@pytest.mark.parametrize(
    "row",
    [
        "A film\n",
        {"prompt": "A film\n", "text": "no"},
        {"id": 1, "text": "A film\n"},
        said("A film"),
        {"messages": said("A film"), "id": 3},
        {"question": [{"from": "human", "value": "A film"}], "id": 3},
    ],
)
def test_a_prompt_is_a_text_or_messages_under_a_name_that_says_so(row):
    assert prompts_of(placed(row)) == ["A film\n"]


FAULTS = {
    "no side": (pairs_of, {"prompt": "a", "completion": "b", "label": True}, "line 1 of a.jsonl, but it has prompt, c"),
    "one side": (pairs_of, {"chosen": "a"}, "Expected the fields chosen and rejected in line 1 .*, but it has chosen;"),
    "a bare text": (pairs_of, "a", "but it has 'a'"),
    "a number": (pairs_of, {"chosen": 1, "rejected": "a"}, "a text or a list of messages as chosen in line 1 .* is 1;"),
    "a list of texts": (pairs_of, {"chosen": ["a"], "rejected": "a"}, r"as chosen in line 1 .*, but it is \['a'\]"),
    "pictures": (
        pairs_of,
        {"chosen": "a", "rejected": [{"role": "user", "content": [{"type": "image"}]}]},
        "Expected messages with a text as content for rejected in line 1 of a.jsonl",
    ),
    "no prompt": (
        prompts_of,
        {"id": 1, "label": "a"},
        "named prompt in line 1 .*, but its fields are id, label",
    ),
    "a prompt that is a number": (prompts_of, 3, "Expected a text or a list of messages as a prompt in line 1"),
    "a line of text where a table has its names": (prompts_of, {"A film": "A plot"}, "but its fields are A film; name"),
    "an empty row": (prompts_of, {}, "but its fields are none"),
}


@pytest.mark.parametrize(("read", "row", "fault"), FAULTS.values(), ids=FAULTS.keys())
def test_what_is_missing_is_one_sentence_with_its_line(read, row, fault):
    with pytest.raises(CourseError, match=fault) as error:
        read(placed(row))
    assert "\n" not in str(error.value)
