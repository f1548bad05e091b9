"""What is read from a file and written back is the file, and further columns at its end."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import resource
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from nightsort.formats.columns import find_columns
from nightsort.formats.exports import survey, tickets_of
from nightsort.formats.kinds import labeled_path
from nightsort.formats.labeled import write_labeled
from nightsort.formats.opening import open_table
from nightsort.formats.table import Options
from nightsort.formats.unusable import UnusableFile

ADDED = ("category", "verdict", "reason")
HEADER = "id,body,category,verdict,reason\n"
BILLING = ("billing", "Labeled", "")
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
CELL = TEXT.map(lambda text: text if text.strip() else f"x{text}x")
NAME = st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=8)


def labeled(
    content: bytes,
    name: str = "tickets.csv",
    labels: Callable[[str], Sequence[str | None] | None] = lambda _: BILLING,
    output: str = "",
    options: Options | None = None,
) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        table = open_table(path, options or Options())
        columns = find_columns(table.header, text=[table.header[-1]])
        target = Path(folder) / (output or f"labeled-{name}")
        write_labeled(table, columns, labels, target)
        assert len(list(Path(folder).iterdir())) == 2, "nothing else is left behind"
        return target.read_bytes()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("id,body\n1,hi\n", "id,body,category,verdict,reason\n1,hi,billing,Labeled,\n"),
        ("id;body\r\n1;hi\r\n", "id;body;category;verdict;reason\r\n1;hi;billing;Labeled;\r\n"),
        ('"id"\t"body"\n"1"\t"a ""b"""', '"id"\t"body"\tcategory\tverdict\treason\n"1"\t"a ""b"""\tbilling\tLabeled\t'),
        ('id|body\n1|"two\r\nlines"\n', 'id|body|category|verdict|reason\n1|"two\r\nlines"|billing|Labeled|\n'),
        ("sep=;\nid;body\n1;hi\n", "sep=;\nid;body;category;verdict;reason\n1;hi;billing;Labeled;\n"),
        ("\n\nid,body\n\n1,hi\n,\n\n", "\n\nid,body,category,verdict,reason\n\n1,hi,billing,Labeled,\n,,,,\n\n"),
        ("id,body\n1,hi,,\n", "id,body,category,verdict,reason\n1,hi,billing,Labeled,\n"),
        (
            "id,body\n1,hi\nid,body\n2,ho\n",
            f"{HEADER}1,hi,billing,Labeled,\n{HEADER}2,ho,billing,Labeled,\n",
        ),
        ("body\nhi\n", "body,category,verdict,reason\nhi,billing,Labeled,\n"),
        ("id,body\r1,hi\r", "id,body,category,verdict,reason\r1,hi,billing,Labeled,\r"),
    ],
)
def test_a_row_keeps_the_text_that_it_was_written_in(content: str, expected: str) -> None:
    assert labeled(content.encode()).decode() == expected


def test_a_line_of_json_keeps_the_text_that_it_was_written_in() -> None:
    lines = b'{"id": 1, "body": "hi"}\n\n{"id": 1.10, "body": null}'

    assert labeled(lines, "tickets.jsonl").decode() == (
        '{"id": 1, "body": "hi", "category": "billing", "verdict": "Labeled", "reason": ""}\n\n'
        '{"id": 1.10, "body": null, "category": "billing", "verdict": "Labeled", "reason": ""}'
    )


def test_lines_and_lists_of_json_are_told_apart_whatever_their_ending_is() -> None:
    lines, listed = b'{"id": 1}\n{"id": 2}\n', b'[{"id": 1},\n {"id": 2}]'

    assert labeled(lines, "t.json").count(b'"category": "billing"') == 2
    assert [item["id"] for item in json.loads(labeled(listed, "t.jsonl"))] == [1, 2]


def test_a_list_of_json_keeps_its_place_in_the_document() -> None:
    document = '{"count": 1e0,\n "tickets": [\n  {"id": 7,\n   "body": "hi"\n  }\n ], "next": [null, {}]}\n'

    written = labeled(document.encode(), "tickets.json").decode()

    assert written == (
        '{"count": 1e0,\n "tickets": [\n  {"id": 7,\n   "body": "hi", "category": "billing", "verdict": "Labeled", '
        '"reason": ""\n  }\n ], "next": [null, {}]}\n'
    )


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_marks_and_encodings_stay(codec: str) -> None:
    mark = "\ufeff" if codec == "utf-16-be" else ""
    content = f"{mark}id;body\r\n1;Grüße, 你好\r\n".encode(codec)

    written = labeled(content)

    assert written.startswith(content[:2])
    assert written.decode(codec) == f"{mark}id;body;category;verdict;reason\r\n1;Grüße, 你好;billing;Labeled;\r\n"


def test_windows_1252_stays_unless_a_label_cannot_be_written_in_it() -> None:
    content = "id;body\r\n1;Grüße für 5 €\r\n".encode("cp1252")

    assert labeled(content).decode("cp1252").endswith("1;Grüße für 5 €;billing;Labeled;\r\n")
    japanese = labeled(content, labels=lambda _: ("請求", "Labeled", ""))
    assert japanese.decode("utf-8").endswith("1;Grüße für 5 €;請求;Labeled;\r\n")


@pytest.mark.parametrize(("suffix", "unpack"), [(".gz", gzip.decompress), (".zst", zstandard.decompress)])
def test_a_packed_file_is_written_packed(suffix: str, unpack: Callable[[bytes], bytes]) -> None:
    packed = gzip.compress(b"id,body\n1,hi\n") if suffix == ".gz" else zstandard.compress(b"id,body\n1,hi\n")

    written = labeled(packed, f"tickets.csv{suffix}")

    with io.BytesIO(written) as file:
        content = unpack(written) if suffix == ".gz" else zstandard.ZstdDecompressor().stream_reader(file).read()
    assert content == b"id,body,category,verdict,reason\n1,hi,billing,Labeled,\n"


def test_columns_of_the_same_names_are_kept_apart() -> None:
    content = b"id,Category,body\n1,card,hi\n"

    written = labeled(content)
    again = labeled(written)

    assert written.startswith(b"id,Category,body,nightsort_category,nightsort_verdict,nightsort_reason\n")
    assert again.split(b"\n")[0].endswith(
        b"nightsort_reason,nightsort_2_category,nightsort_2_verdict,nightsort_2_reason"
    )


@pytest.mark.parametrize("name", ["tickets.dat", "tickets.csv", "tickets.dat.gz"])
def test_a_file_whose_name_does_not_say_what_it_is_is_written_as_it_was_read(name: str) -> None:
    content = b"id\tbody\n1\ta,b\n"
    packed = gzip.compress(content) if name.endswith(".gz") else content

    written = labeled(packed, name, output=labeled_path(Path(name)).name, options=Options(format="tsv"))

    unpacked = gzip.decompress(written) if name.endswith(".gz") else written
    assert unpacked == b"id\tbody\tcategory\tverdict\treason\n1\ta,b\tbilling\tLabeled\t\n"


def test_an_object_that_is_called_category_is_not_written_over() -> None:
    written = labeled(b'{"id": 1, "category": {"name": "card"}, "body": "hi"}', "t.jsonl")

    assert json.loads(written)["category"] == {"name": "card"}
    assert json.loads(written)["nightsort_category"] == "billing"


def test_lines_below_the_table_are_no_tickets_and_stay() -> None:
    """Salesforce writes the name of a report, who made it and a copyright below the last row."""
    table = '"Case Number","Subject","Open"\r\n"1","hi","0"\r\n'
    content = f'{table}\r\n\r\n"My report"\r\n"Copyright"\r\n\r\n"Generated By: Ann"'
    header, first, *rest = labeled(content.encode()).decode().split("\r\n")

    assert (header, first) == (
        '"Case Number","Subject","Open",category,verdict,reason',
        '"1","hi","0",billing,Labeled,',
    )
    assert rest == ["", "", '"My report"', '"Copyright"', "", '"Generated By: Ann"']


def test_a_short_row_before_others_is_not_below_the_table() -> None:
    for content in (
        b'"id","a","body"\n"1","b","c"\n\n"My"\n"2","b","c"\n',
        b'"id","a","body"\n"1","b","c"\n"My"\n',
        b"id,a,body\n1,b,Hello\n\nAnn\n",
        b'"id","a","body"\n"1","b","c"\n\n' + b'"My"\n' * 21,
    ):
        with pytest.raises(UnusableFile, match="fewer cells than the header's 3 columns"):
            labeled(content)


def test_a_ticket_without_a_label_gets_empty_cells() -> None:
    assert labeled(b"id,body\n1,hi\n", labels=lambda _: None) == b"id,body,category,verdict,reason\n1,hi,,,\n"


def test_another_kind_can_be_written() -> None:
    assert [json.loads(line) for line in labeled(b"id,body\n1,hi\n", output="out.jsonl").splitlines()] == [
        {"id": "1", "body": "hi", "category": "billing", "verdict": "Labeled", "reason": ""}
    ]
    assert json.loads(labeled(b"id,body\n1,hi\n", output="out.json")) == [
        {"id": "1", "body": "hi", "category": "billing", "verdict": "Labeled", "reason": ""}
    ]
    assert labeled(b'{"id": 1, "a": {"b": "x;,\\ty"}}', "t.jsonl", output="out.tsv") == (
        b'id\ta.b\tcategory\tverdict\treason\n1\t"x;,\ty"\tbilling\tLabeled\t\n'
    )


# --- whole or not at all ----------------------------------------------------------------------------------------------


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """Files of no more bytes, as on a disk that is nearly full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def prepared(folder: Path) -> tuple[Path, Path]:
    path, target = folder / "tickets.csv", folder / "tickets.labeled.csv"
    path.write_text("id,body\n1,hi\n2,ho\n")
    target.write_text("former")
    return path, target


def test_a_failure_in_the_middle_leaves_the_former_file(tmp_path: Path) -> None:
    path, target = prepared(tmp_path)
    table = open_table(path)

    def failing(ticket_id: str) -> Sequence[str]:
        if ticket_id == "2":
            raise KeyboardInterrupt
        return BILLING

    with pytest.raises(KeyboardInterrupt):
        write_labeled(table, find_columns(table.header), failing, target)

    assert target.read_text() == "former"
    assert names_in(tmp_path) == ["tickets.csv", "tickets.labeled.csv"]


def test_a_full_disk_leaves_the_former_file(tmp_path: Path) -> None:
    path, target = prepared(tmp_path)
    path.write_text("id,body\n" + "".join(f"{number},hi\n" for number in range(40_000)))
    table = open_table(path)

    with at_most(100_000), pytest.raises(UnusableFile, match=r"labeled\.csv: it cannot be written \(.*\): make room"):
        write_labeled(table, find_columns(table.header), lambda _: BILLING, target)

    assert target.read_text() == "former"
    assert names_in(tmp_path) == ["tickets.csv", "tickets.labeled.csv"]


def test_an_input_that_changed_leaves_the_former_file(tmp_path: Path) -> None:
    path, target = prepared(tmp_path)
    table = open_table(path)
    path.write_text("id,body\n1,hi\n2,ha\n")

    with pytest.raises(UnusableFile, match=r"tickets\.csv: it changes while it is read: wait"):
        write_labeled(table, find_columns(table.header), lambda _: BILLING, target)

    assert target.read_text() == "former"


def test_a_file_that_is_replaced_keeps_its_permissions_and_a_new_one_has_those_of_the_input(tmp_path: Path) -> None:
    path, target = prepared(tmp_path)
    path.chmod(0o600)
    target.chmod(0o640)
    table = open_table(path)

    write_labeled(table, find_columns(table.header), lambda _: BILLING, target)
    write_labeled(table, find_columns(table.header), lambda _: BILLING, tmp_path / "new.csv")

    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "new.csv").stat().st_mode) == 0o600


def test_a_link_stays_a_link_and_its_file_is_replaced(tmp_path: Path) -> None:
    path, target = prepared(tmp_path)
    (tmp_path / "link.csv").symlink_to(target)
    table = open_table(path)

    write_labeled(table, find_columns(table.header), lambda _: BILLING, tmp_path / "link.csv")

    assert (tmp_path / "link.csv").is_symlink()
    assert target.read_text().startswith("id,body,category")


@pytest.mark.parametrize(
    ("output", "what"),
    [
        ("tickets.csv", "the output is the input itself"),
        ("link.csv", "the output is the input itself"),
        ("folder.csv", "this is a directory"),
        ("nowhere/out.csv", "there is no such folder"),
        ("out.xlsx", "xlsx is not written"),
        ("out", "its name has no ending"),
        ("pipe.csv", "no file that can be replaced"),
    ],
)
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, output: str, what: str) -> None:
    path, _ = prepared(tmp_path)
    (tmp_path / "link.csv").symlink_to(path)
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    table = open_table(path)
    before = names_in(tmp_path)

    with pytest.raises(UnusableFile, match=what) as caught:
        write_labeled(table, find_columns(table.header), lambda _: BILLING, tmp_path / output)

    assert str(tmp_path / output) in str(caught.value)
    assert names_in(tmp_path) == before
    assert path.read_text() == "id,body\n1,hi\n2,ho\n"


# --- whatever the file is -----------------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    names=st.lists(NAME, min_size=2, max_size=4, unique_by=lambda name: name.casefold()),
    data=st.data(),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    newline=st.sampled_from(["\n", "\r\n"]),
    codec=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_whatever_csv_is_read_is_written_back(
    names: list[str], data: st.DataObject, delimiter: str, quoting: int, newline: str, codec: str
) -> None:
    cell = CELL if quoting == csv.QUOTE_ALL else CELL.map(lambda text: text.replace("\r", ""))  # Python leaves it bare
    rows = data.draw(st.lists(st.tuples(*[cell] * len(names)), min_size=1, max_size=4))
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, quoting=quoting, lineterminator=newline)  # type: ignore[arg-type]
    writer.writerows([names, *rows])

    written = labeled(buffer.getvalue().encode(codec), options=Options(delimiter=delimiter)).decode(codec)

    found = list(csv.reader(io.StringIO(written, newline=""), delimiter=delimiter, strict=True))
    header = names
    body = [list(row) for row in rows if list(row) != header]
    assert [row[: len(names)] for row in found if row[: len(names)] != header] == body
    assert all(len(row) == len(names) + 3 for row in found)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAME, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.lists(
    st.dictionaries(NAME.filter(lambda name: name not in ADDED), VALUES, min_size=1, max_size=4), min_size=1, max_size=4
)


@settings(deadline=None)
@given(objects=OBJECTS, indent=st.sampled_from([None, 1]), ascii_only=st.booleans())
def test_whatever_json_is_read_is_written_back(
    objects: list[Mapping[str, object]], indent: int | None, ascii_only: bool
) -> None:
    lines = "\n".join(json.dumps(item, ensure_ascii=ascii_only) for item in objects)
    document = json.dumps(objects, ensure_ascii=ascii_only, indent=indent)

    from_lines = [json.loads(line) for line in labeled(lines.encode(), "t.jsonl").decode().split("\n")]
    from_list = json.loads(labeled(document.encode(), "t.json"))

    assert [dict(list(item.items())[:-3]) for item in from_lines] == objects
    assert [dict(list(item.items())[:-3]) for item in from_list] == objects


@settings(deadline=None, max_examples=300)
@given(
    content=st.binary(max_size=80) | st.text('id,;|"\t\r\n =sep{}[]:1aé', max_size=60).map(str.encode),
    name=st.sampled_from(["t.csv", "t.tsv", "t.jsonl", "t.json", "t.csv.gz", "t.jsonl.zst", "t.txt"]),
)
def test_whatever_the_bytes_are_no_exception_but_ours_comes_out(content: bytes, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        said = complaint_of(path)
        assert said is None or (said.startswith(f"{path}: ") and said.isprintable() and "\n" not in said)


def complaint_of(path: Path) -> str | None:
    """What is said of a file that cannot be read and written back; None where it can."""
    try:
        table = open_table(path)
        columns = find_columns(table.header, text=[table.header[0]])
        survey(table, columns)
        for _ in tickets_of(table, columns):
            pass
        write_labeled(table, columns, lambda _: BILLING, path.with_name(f"out-{path.name}"))
    except UnusableFile as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("tickets.csv", "tickets.labeled.csv"),
        ("tickets.CSV.GZ", "tickets.labeled.CSV.gz"),
        ("a.b.tsv.zst", "a.b.labeled.tsv.zst"),
        ("tickets.xlsx", "tickets.labeled.csv"),
        ("tickets.parquet.gz", "tickets.labeled.csv.gz"),
        ("tickets", "tickets.labeled.csv"),
        (".csv", ".csv.labeled.csv"),
    ],
)
def test_the_labelled_copy_stands_beside_the_file(name: str, beside: str) -> None:
    assert labeled_path(Path("/exports") / name) == Path("/exports") / beside


PLAIN_CELL = st.text(st.characters(codec="utf-8", exclude_characters='\0"\r\n'), max_size=6)
QUOTED_CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6).map(
    lambda text: '"' + text.replace('"', '""') + '"'
)
LINE = st.lists(st.one_of(PLAIN_CELL.map(lambda text: text.replace(",", "")), QUOTED_CELL), min_size=2, max_size=2)


@settings(max_examples=200)
@given(st.lists(LINE, max_size=8), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_records_are_those_of_the_module_csv_whether_a_quote_stands_in_them_or_not(
    lines: list[list[str]], end: str, ends: bool
) -> None:
    content = end.join(["id,body", *map(",".join, lines), "last,one"]) + (end if ends else "")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tickets.csv"
        path.write_text(content, encoding="utf-8", newline="")
        found = [list(row.cells) for row in open_table(path, Options(delimiter=",")).records()]

    [header, *expected] = csv.reader(io.StringIO(content, newline=""), strict=True)
    assert found == [cells for cells in expected if cells != header], header
