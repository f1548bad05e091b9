"""What bad input of `nightsort classify` gets: one sentence, exit code 2, nothing bought and nothing lost."""

from __future__ import annotations

import pytest

from tests.local.office import Office

FILES: dict[str, tuple[bytes, str]] = {
    "no header": (b"hello there\nand more\n", "no column is known to be a subject or a body, in 'hello there'"),
    "no text": (b"name,age\na,1\n", "say which is with --body COLUMN; the file has 'name', 'age'"),
    "two ids": (b"ticket id,ticket number,body\n1,2,x\n", "2 columns could be the id, 'ticket id'"),
    "doubled ids": (
        b"id,body\n1,a\n2,b\n1,c\n",
        "column 'id': 1 ticket has the id of an earlier one: \"1\" (lines 2 and 4)",
    ),
    "a ticket without an id": (b"id,body\n1,a\n,b\n", "line 3, column 'id': the id is empty"),
    "empty": (b"", "the file is empty"),
    "only a header": (b"id,body\n", "only a header and no tickets below it"),
    "binary": (b"\x00\x01\x02\xff" * 100, "this is binary and no text"),
    "a short row": (b"id,body,more\n1,a,b\n2,c\n", "line 3: fewer cells than the header's 3 columns"),
}


@pytest.mark.parametrize("what", FILES)
def test_a_file_that_cannot_be_used_is_told_with_its_place(office: Office, what: str) -> None:
    content, told = FILES[what]
    office.file.write_bytes(content)

    outcome = office.classify("--yes")

    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"{office.file}: ")
    assert told in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert office.bill()["created"] == 0
    assert not office.labeled.exists()


CATEGORIES_FILES = {
    "no YAML": ("categories: [", "line 1, column"),
    "no list": ("categories: 7", "expected a list of categories"),
    "a comma": ('- "a,b"', "categories[0].name: a category's name may have no comma"),
    "a field that there is not": ("- {name: a, descriptoin: b}", "categories[0].descriptoin: unknown field"),
    "more than there is": ("{categories: [a], templat: b}", "unknown field templat"),
    "a number": ("- 2026", "categories[0]"),
    "a fallback that is none": (
        "{categories: [a], unknownLabel: {action: Fallback, category: b}}",
        "unknownLabel.category: 'b' is not one of the categories",
    ),
}


@pytest.mark.parametrize("what", CATEGORIES_FILES)
def test_a_file_of_categories_that_cannot_be_used_is_told_with_its_place(office: Office, what: str) -> None:
    text, told = CATEGORIES_FILES[what]
    office.write(1)
    path = office.folder / "mine.yaml"
    path.write_text(text)

    outcome = office.classify("--yes", "--categories-file", str(path))

    assert outcome.code == 2
    assert outcome.err.startswith(f"{path}: ")
    assert told in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert office.bill()["created"] == 0


def test_an_output_that_could_not_be_written_is_told_before_anything_is_bought(office: Office) -> None:
    office.write(2)
    places = {
        str(office.file): "the output is the input itself",
        str(office.folder): "this is a directory",
        str(office.folder / "none" / "x.csv"): "there is no such folder",
        str(office.folder / "x.xlsx"): "xlsx is not written",
    }
    for place, told in places.items():
        outcome = office.classify("--yes", "--output", place)
        assert outcome.code == 2
        assert told in outcome.err, outcome.err
    assert office.bill()["created"] == 0


def test_a_place_for_the_state_that_is_none_is_told(office: Office) -> None:
    office.write(2)
    (office.folder / "state").write_text("a file")

    outcome = office.classify("--yes")

    assert outcome.code == 2
    assert f"cannot keep a state in {office.folder / 'state'}" in outcome.err
    assert office.bill()["created"] == 0


def test_a_file_in_the_place_of_the_state_is_left_as_it_is(office: Office) -> None:
    office.write(2)
    office.state.parent.mkdir()
    office.state.write_text("something else")

    outcome = office.classify("--yes")

    assert outcome.code == 2
    assert "is no state that this version can read" in outcome.err
    assert office.state.read_text() == "something else"


def test_without_a_network_nothing_is_bought_and_it_says_so(office: Office) -> None:
    office.write(2)

    outcome = office.classify("--yes", "--api-url", "http://127.0.0.1:1")

    assert outcome.code == 2
    assert "nothing was bought: the API cannot be reached" in outcome.err
    assert outcome.err.rstrip().endswith("run the same command again when that is over")


def test_a_key_that_is_refused_is_told(office: Office) -> None:
    office.write(2)
    office.api.ask("faults", [{"kind": "status", "operation": "models", "status": 401, "times": 9}])

    outcome = office.classify("--yes")

    assert outcome.code == 2
    assert "401" in outcome.err
    assert office.bill()["created"] == 0
