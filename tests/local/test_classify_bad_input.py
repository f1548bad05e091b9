"""What bad input of `nightsort classify` gets: one sentence, exit code 2, nothing bought and nothing lost."""

from __future__ import annotations

import gzip
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nightsort.cli.classification.reading import TicketFile
from tests.local.office import CATEGORIES, Office
from tests.local.shell import KEY, run
from tests.support.outcome import Outcome
from tests.unit.formats.workbooks import Xml, workbook

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


HEADER = ("Ticket ID", "Subject", "Description")
SHEET = (HEADER, (1, "Card", "It has not come"))
PROTECTED = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504 + "EncryptedPackage".encode("utf-16-le")
OTHER_FILES: dict[str, tuple[str, bytes, str]] = {
    "a spreadsheet with a password": ("t.xlsx", PROTECTED, "a password protects it: save it without one"),
    "a formula cell": (
        "t.xlsx",
        workbook({"Export": (HEADER, (1, "a", Xml("><f>A2</f>")))}),
        "sheet 'Export', cell C2: a formula that was never computed: open it in a spreadsheet program and save it",
    ),
    "several sheets": (
        "t.xlsx",
        workbook({"Open": SHEET, "Closed": SHEET}),
        "it has several sheets, 'Open', 'Closed': name one with --sheet",
    ),
    "an old spreadsheet": ("t.xls", b"\xd0\xcf\x11\xe0", ".xls are not read: save it as .xlsx, or its sheet as CSV"),
    "a cut Parquet file": ("t.parquet", b"PAR1 and so on", "no whole Parquet file"),
    "a cut archive": ("t.csv.gz", gzip.compress(b"id,body\n1,a\n" * 99)[:-9], "it is no whole gzip file: was it cut?"),
    "a broken line of JSON": ("t.jsonl", b'{"id": 1, "body": "a"}\n{"id": }\n', "line 2: no valid JSON"),
    "noise": ("t.csv", bytes(range(1, 256)) * 3, "this is binary and no text"),
    "a code page that is a guess": ("t.csv", "id,body\n1,proszę o łącze\n".encode("cp1250"), "name it with --encoding"),
    "a long row": ("t.csv", b"id,body\n1,a\n2,b,c\n", "line 3: more cells than the header's 2 columns"),
    "doubled headers": (
        "t.csv",
        b"id,body,body\n1,a,b\n",
        "2 columns could be the body, 'body', 'body (2)': say which",
    ),
    "a column that there is not": (
        "t.csv",
        b"name,body\n1,a\n",
        "there is no column 'nr' for --id: the file has 'name'",
    ),
}


def classified(office: Office, name: str, *flags: str) -> Outcome:
    """`nightsort classify` of a file of this name."""
    return run("classify", name, "--state", str(office.state.parent), *CATEGORIES, "--api-url", office.api.url, *flags)


def refused(office: Office, path: Path, outcome: Outcome) -> str:
    """What is told about a file that was not used: one sentence, and nothing was bought."""
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"{path}: ")
    assert len(outcome.err.splitlines()) == 1
    assert office.bill()["created"] == 0
    assert not list(office.folder.glob("*.labeled.*"))
    return outcome.err


@pytest.mark.parametrize("what", OTHER_FILES)
def test_a_file_of_another_kind_that_cannot_be_used_is_told_with_its_place(office: Office, what: str) -> None:
    name, content, told = OTHER_FILES[what]
    path = office.folder / name
    path.write_bytes(content)
    flags = ("--id", "nr") if "there is not" in what else ()

    assert told in refused(office, path, classified(office, str(path), "--yes", *flags))


def test_what_is_no_file_is_told(office: Office) -> None:
    (office.folder / "tickets").mkdir()
    os.mkfifo(office.folder / "pipe.csv")
    places = {
        "tickets": "this is a directory: name a file in it",
        "pipe.csv": "save it to one first",
        "no.csv": "no such",
    }
    for name, told in places.items():
        path = office.folder / name
        assert told in refused(office, path, classified(office, str(path), "--yes"))


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_file_without_permission_is_told(office: Office) -> None:
    office.write(2).chmod(0)
    with as_nobody():
        outcome = office.classify("--yes")

    assert "no permission to read it" in refused(office, office.file, outcome)


def test_a_file_that_changes_while_it_is_read_is_told(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.write(3)
    present = TicketFile.present

    def meanwhile(*arguments: object) -> object:
        with office.file.open("a") as file:
            file.write("T-9999,Help,One more\n")
        return present(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(TicketFile, "present", meanwhile)

    outcome = office.classify("--yes")

    assert outcome.code == 2
    assert outcome.err == (
        f"{office.file}: it changes while it is read: wait until whoever writes it has finished, and run this again\n"
    )
    assert office.bill()["created"] == 0
    assert not office.labeled.exists()


def test_a_file_that_changes_while_its_tickets_are_at_the_api_loses_no_label(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.write(3)
    write = TicketFile.write

    def meanwhile(*arguments: object) -> object:
        office.write(4)
        return write(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(TicketFile, "write", meanwhile)
    outcome = office.classify("--yes")
    monkeypatch.undo()

    assert outcome.code == 2
    assert "it changes while it is read" in outcome.err
    assert "The labels are kept: the same command writes them, and buys none again" in outcome.err
    assert not office.labeled.exists()
    assert "4 tickets: 3 answered before, and not bought again, 1 new" in office.classify("--yes").out
    assert office.bill()["accepted"] == 4
    assert len(office.rows()) == 4


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """As on a disk that is nearly full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("room", [30_000, 150_000])
def test_a_full_disk_is_told_and_nothing_is_bought(office: Office, room: int) -> None:
    office.write(1_000)

    with files_of_at_most(room):
        outcome = office.classify("--yes")

    assert outcome.code == 2, outcome.told
    assert f"cannot work in {office.state}: " in outcome.err
    assert outcome.err.endswith("mend that, and the same command goes on where it was\n")
    assert len(outcome.err.splitlines()) == 1
    assert office.bill()["created"] == 0
    assert office.classify("--yes").code == 0
    assert office.bill()["accepted"] == 1_000


def test_a_disk_that_is_full_for_the_labels_keeps_them_for_the_next_time(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.write(2_000)
    write = TicketFile.write

    def on_a_full_disk(*arguments: object) -> object:
        with files_of_at_most(20_000):
            return write(*arguments)  # type: ignore[arg-type]

    assert office.classify("--limit", "1", "--yes").code == 0
    former = office.labeled.read_text()
    monkeypatch.setattr(TicketFile, "write", on_a_full_disk)
    outcome = office.classify("--yes")
    monkeypatch.undo()

    assert outcome.code == 2
    assert f"{office.labeled}: it cannot be written (" in outcome.err
    assert "make room, or name another place with --output. The labels are kept" in outcome.err
    assert office.labeled.read_text() == former
    assert office.classify("--yes").code == 0
    assert office.bill()["accepted"] == 2_000
    assert len(office.rows()) == 2_000


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
    assert "nothing was bought: the API at 127.0.0.1:1 cannot be reached (ConnectError: ECONNREFUSED)" in outcome.err
    assert outcome.err.rstrip().endswith("run the same command again when that is over")


def test_a_key_that_is_refused_is_told(office: Office) -> None:
    office.write(2)
    office.api.ask("faults", [{"kind": "status", "operation": "models", "status": 401, "times": 9}])

    outcome = office.classify("--yes")

    assert outcome.code == 2
    assert "the API does not accept the key (401" in outcome.err
    assert "set the environment variable ANTHROPIC_API_KEY to a valid one" in outcome.err
    assert "operator" not in outcome.err
    assert office.bill()["created"] == 0


def test_a_key_that_is_refused_at_the_purchase_is_told_once(office: Office) -> None:
    office.write(2)
    office.api.ask("faults", [{"kind": "status", "operation": "create", "status": 401, "times": 9}])

    outcome = office.classify("--yes", "--timeout", "9m")

    assert outcome.code == 1, "its time is not over: only a person can help"
    assert outcome.err.count("the API does not accept the key") == 1
    assert "next:" not in outcome.out
    assert office.bill()["created"] == 0
    office.api.ask("reset", {})
    assert office.classify("--yes").code == 0
    assert office.bill()["accepted"] == 2


def under_way(office: Office) -> None:
    """The tickets are at the API, and nobody waits for them any more."""
    while not office.bill()["accepted"]:
        assert office.classify("--yes", "--timeout", "1s").code == 124


def test_a_key_of_another_workspace_is_told_before_anything_more_is_bought(patient_office: Office) -> None:
    office = patient_office
    office.write(3)
    under_way(office)
    office.write(5)

    outcome = office.classify("--yes", env={**KEY, "ANTHROPIC_API_KEY": "another-workspaces-key"})

    assert outcome.code == 2
    assert "with 3 requests under way: is ANTHROPIC_API_KEY of another workspace now?" in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert office.bill()["accepted"] == 3
    office.api.ask("end", {})
    assert office.classify("--yes", "--limit", "3").code == 0
    assert office.bill()["accepted"] == 3
