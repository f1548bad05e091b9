"""What bad input gets: one sentence with the file, the place and what to do."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from nightsort.formats.columns import find_columns
from nightsort.formats.exports import survey, tickets_of
from nightsort.formats.opening import open_table
from nightsort.formats.table import Options
from nightsort.formats.unusable import UnusableFile

GERMAN = "id;text\r\n1;Grüße aus Köln, für 5 €\r\n"
POLISH = "id;text\r\n1;Dzień dobry, proszę o pomoc, łącze nie działa\r\n"
CASES: dict[str, tuple[str, bytes, str]] = {
    "empty": ("t.csv", b"", "the file is empty: did its export fail?"),
    "only a mark": ("t.csv", b"\xef\xbb\xbf", "the file is empty"),
    "empty and packed": ("t.csv.gz", gzip.compress(b""), "the file is empty"),
    "empty lines": ("t.csv", b"\n\n", "line 1: no header: the first line must have the names of the columns"),
    "only a header": ("t.csv", b"id,text\n", "only a header and no tickets below it"),
    "an empty list": ("t.json", b"[]", "there are no tickets in it"),
    "short rows": (
        "t.csv",
        b"id,subject,text\n1,a,b\n2,a\n3\n4,a,b\n5,a\n6,a\n7,a\n8,a\n",
        "lines 3, 4, 6, 7, 8 and 1 more: fewer cells than the header's 3 columns, the last of which is 'text'",
    ),
    "a long row": ("t.csv", b"id,text\n1,a,b\n", "line 2: more cells than the header's 2 columns"),
    "an open quote": ("t.csv", b'id,text\n1,a\n2,"b\n3,c\n', "line 3: a quote is opened in this row and never closed"),
    "a bare quote": ("t.csv", b'id,text\n1,"a" b\n', "line 2: a quote within quotes must be doubled"),
    "doubled ids": (
        "t.csv",
        b"Ticket ID,text\n" + b"".join(b"%d,a\n" % (number % 7) for number in range(20)),
        (
            '13 tickets have the id of an earlier one: "0" (lines 2 and 9), "1" (lines 3 and 10), '
            '"2" (lines 4 and 11), "3" (lines 5 and 12), "4" (lines 6 and 13) and 8 more; leave one of each'
        ),
    ),
    "missing ids": ("t.csv", b"id,text\n1,a\n,b\n ,c\n", "lines 3 and 4, column 'id': the id is empty: give each"),
    "a spreadsheet by another name": (
        "t.csv",
        b"PK\x03\x04\0\0",
        "a spreadsheet or a zip archive, whatever its name says",
    ),
    "a page": ("t.csv", b"<!DOCTYPE html><html>", "line 1: this is an HTML page"),
    "binary": ("t.csv", b"id,text\n" + b"1,a\n" * 200 + b"1,a\x00b\n", "line 202: a NUL character: this is no text"),
    "a photo": ("t.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "this is binary and no text: export it as CSV"),
    "a cut archive": ("t.csv.gz", gzip.compress(b"id,text\n1,a\n" * 99)[:-9], "it is no whole gzip file: was it cut?"),
    "no archive": ("t.csv.gz", b"id,text\n", "it is no whole gzip file"),
    "another code page": ("t.csv", POLISH.encode("cp1250"), "line 2: not UTF-8 text, and which code page it is"),
    "the code page of DOS": (
        "t.csv",
        GERMAN.replace("€", "").encode("cp850"),
        "would be a guess: name it with --encoding",
    ),
    "UTF-16 without a mark": ("t.csv", GERMAN.encode("utf-16-le"), "read it with --encoding utf-16-le"),
    "two encodings": ("t.csv", b"id,text\n1,\xc3\xa4\n2,\xe4\n", "line 3: not UTF-8 text"),
    "an unknown ending": ("t.doc", b"id,text\n", "files that end in .doc are not read: these are: .csv, .tsv"),
    "an old spreadsheet": (
        "t.xls",
        b"\xd0\xcf\x11\xe0",
        "that end in .xls are not read: save it as .xlsx, or its sheet as CSV",
    ),
    "noise": ("t.csv", bytes(range(1, 256)) * 3, "this is binary and no text: export it as CSV"),
    "no ending": ("tickets", b"id,text\n", "its name has no ending that says what it is"),
    "broken JSON": ("t.jsonl", b'{"id": 1}\n{"id": }\n', "line 2: no valid JSON (Expecting value), at column 8"),
    "two objects a line": ("t.jsonl", b'{"id": 1} {"id": 2}\n', "line 1: more than one value in a line"),
    "no objects": ("t.jsonl", b"1\n", "line 1: expected a JSON object, a ticket such as {...}"),
    "a list with a number": ("t.json", b'[{"id": 1},\n 7]', "entry 2: expected a JSON object"),
    "an archive by another name": (
        "t.csv",
        gzip.compress(b"id"),
        "packed by gzip, whatever its name says: let that end in",
    ),
    "two documents": ("t.json", b'[{"id": 1}]\n[{"id": 2}]', "line 2: more text behind the end of the document"),
    "a comma too many": ("t.json", b'[{"id": 1},]', "no valid JSON (a comma and nothing behind it), at column 12"),
    "a comma missing": ("t.json", b'[{"id": 1} {"id": 2}]', "no valid JSON (a comma or ] is expected), at column 12"),
    "one object": ("t.json", b'{"id": 1, "text": "a"}\n', "or an object with one; this has none"),
    "two lists": ("t.json", b'{"a": [{}], "b": [{}]}', "an object with one; this has 2 of them"),
    "too deep": ("t.jsonl", b"[" * 100_000, "line 1: JSON that is nested too deeply"),
    "no table": ("t.csv", b"text\n" + b"a\n" * 3 + b'a,"b\n', "line 5: "),
}


def said_of(path: Path, options: Options | None = None) -> str:
    with pytest.raises(UnusableFile) as caught:
        survey(table := open_table(path, options or Options()), find_columns(table.header))
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value)


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_named_with_its_place_and_what_to_do(tmp_path: Path, case: str) -> None:
    name, content, what = CASES[case]
    path = tmp_path / name
    path.write_bytes(content)

    assert what in said_of(path)


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")

    (tmp_path / "folder").mkdir()

    assert "this is a directory: name a file in it" in said_of(tmp_path / "folder.csv")
    assert "this is a directory: name a file in it" in said_of(tmp_path / "folder")
    assert "no file that can be read twice" in said_of(tmp_path / "pipe.csv")
    assert "there is no such file: check its name" in said_of(tmp_path / "none.csv")


@pytest.fixture
def nobody() -> Iterator[None]:
    """Root may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    yield
    os.seteuid(0)


def test_a_file_without_permission_is_named(tmp_path: Path, nobody: None) -> None:
    path = tmp_path / "t.csv"
    with suppress(PermissionError):  # of root's folder
        path.touch(0)

    assert "no permission to read it: chmod u+r it" in said_of(path)


def test_a_file_that_changes_while_it_is_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,text\n" + "1,a\n" * 3)
    table = open_table(path)
    columns = find_columns(table.header)
    with path.open("a") as file:
        file.write("2,b\n")

    with pytest.raises(UnusableFile, match="it changes while it is read: wait until whoever writes it has finished"):
        list(tickets_of(table, columns))


def test_a_file_that_is_cut_while_it_is_read_is_no_file_with_an_open_quote(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('id,text\n1,"a\nb"\n')
    table = open_table(path)
    path.write_text('id,text\n1,"a\n')

    with pytest.raises(UnusableFile, match="it changes while it is read"):
        list(tickets_of(table, find_columns(table.header)))


@pytest.mark.parametrize(
    "text",
    [
        "Grüße aus Köln, für 5 €, „danke“",
        "Où est ma carte ? Ça fait déjà trois semaines, c\u2019est très gênant",
        "¿Dónde está mi tarjeta? Mañana me voy",
        "O cartão não chegou e as transações também não",
        "Perché la carta non è più valida? Così non può funzionare",
        "Hvor er mitt kort? Jeg får ikke åpnet appen på øya, vær så snill",
        "Zoë und José kennen Müller & Söhne",
    ],
)
def test_windows_1252_is_read_where_it_is_no_guess_and_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(f"id;text\r\n1;{text}\r\n".encode("cp1252"))

    table = open_table(path)

    assert table.notes[0].startswith("read as Windows-1252, since it is not UTF-8")
    assert next(tickets_of(table, find_columns(table.header))).body == text


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("Dzień dobry, proszę o pomoc, łącze nie działa", "cp1250"),
        ("Dobrý den, kde je moje karta? Čekám už tři týdny, děkuji", "cp1250"),
        ("Kje je moja kartica? Čakam že več tednov, prosim za račun", "cp1250"),
        ("Hol van a kártyám? Egy hete várok rá, köszönöm a gyors választ, üdvözlettel, őszintén, tűz", "cp1250"),
        ("Kart nerede? Üç haftadan beri yok, teşekkürler, iyi günler, değil mi", "cp1254"),
        ("Где моя карта? Я жду уже три недели", "cp1251"),
        ("Grüße aus Köln", "cp850"),
        ("Grüße aus Köln, für die Größe", "mac_roman"),
    ],
)
def test_a_code_page_that_would_be_a_guess_is_asked_for(tmp_path: Path, text: str, codec: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(f"id;text\r\n1;{text}\r\n".encode(codec))

    assert "line 2: not UTF-8 text, and which code page it is would be a guess: name it with --encoding" in said_of(
        path
    )
    assert next(open_table(path, Options(encoding=codec)).records()).cells == ("1", text)


def test_an_encoding_that_a_person_names_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(POLISH.encode("cp1250"))

    table = open_table(path, Options(encoding="cp1250"))

    assert next(tickets_of(table, find_columns(table.header))).body.startswith("Dzień dobry, proszę")
    assert "line 2: not utf-8 text: name its encoding with --encoding" in said_of(path, Options(encoding="utf-8"))
    assert "there is no encoding 'rot13': name one such as utf-8" in said_of(path, Options(encoding="rot13"))


def test_short_rows_are_filled_where_a_person_says_so(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,text,tags\n1,a\n")

    table = open_table(path, Options(fill_short_rows=True))

    assert [row.cells for row in table.records()] == [("1", "a", "")]


def test_an_escape_sequence_in_a_column_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    path = tmp_path / "t\x1b[31m.csv"
    path.write_text("id,te\x1b[2Jxt\n1,a,b\n")

    with pytest.raises(UnusableFile) as caught:
        survey(table := open_table(path), find_columns(table.header, body="te\x1b[2Jxt"))

    assert "\x1b" not in str(caught.value)
    assert "te\\x1b[2Jxt" in str(caught.value)
