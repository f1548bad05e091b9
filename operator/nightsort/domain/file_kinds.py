"""Files that are not UTF-8 text: their kind by their first bytes, and what a person can do about it."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from dataclasses import dataclass

ENOUGH = 512
"""Number of first bytes that show a file's kind."""
NOT_UTF8 = "not UTF-8 text"
SAVE = "save the file as UTF-8"
AS_CSV = 'save its sheet as "CSV UTF-8"'
UNPACK = "unpack it"
CONVERT = "{save}, or convert it: iconv -f {charset} -t UTF-8"

MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"PK\x03\x04", "a zip archive or a spreadsheet (.xlsx, .ods)", f"{UNPACK}, or {AS_CSV}"),
    (b"PK\x05\x06", "an empty zip archive", "export it anew"),
    (b"\x1f\x8b", "gzip", f"{UNPACK}, or let its name end in .gz in object storage"),
    (b"\x28\xb5\x2f\xfd", "zstd", f"{UNPACK}, or let its name end in .zst in object storage"),
    (b"BZh", "bzip2", UNPACK),
    (b"\xfd7zXZ\x00", "xz", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", UNPACK),
    (b"Rar!\x1a", "a RAR archive", UNPACK),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document (.xls, .doc)", AS_CSV),
    (b"%PDF-", "a PDF", "export CSV or JSON lines"),
    (b"{\\rtf", "rich text", "save it as plain text in UTF-8"),
    (b"PAR1", "Parquet", "export CSV or JSON lines"),
    (b"Obj\x01", "Avro", "export CSV or JSON lines"),
    (b"SQLite format 3\x00", "an SQLite database", "export CSV or JSON lines"),
    (b"\xff\xfe\x00\x00", "UTF-32 text", CONVERT.format(save=SAVE, charset="UTF-32")),
    (b"\x00\x00\xfe\xff", "UTF-32 text", CONVERT.format(save=SAVE, charset="UTF-32")),
    (b"\xff\xfe", "UTF-16 text", CONVERT.format(save=SAVE, charset="UTF-16")),
    (b"\xfe\xff", "UTF-16 text", CONVERT.format(save=SAVE, charset="UTF-16")),
)
MARKUP: tuple[tuple[bytes, str, str], ...] = (
    (b"<!doctype html", "an HTML page", "such as an export gives that asks for a login; fetch it anew"),
    (b"<html", "an HTML page", "such as an export gives that asks for a login; fetch it anew"),
    (b"<?xml", "XML", "export CSV or JSON lines"),
)
MOST_HIGH_SHARE = 0.3
"""Letters beyond ASCII in the languages for which Windows-1252 is used."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """The place where a file stops being UTF-8 text, its kind, and what to do."""

    line: int
    what: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.what}"


def kind_of(beginning: bytes) -> str | None:
    """A file's kind and what to do, where it is no text of tickets; None where it may be one."""
    for magic, kind, remedy in MAGIC:
        if beginning.startswith(magic):
            return f"this is {kind}: {remedy}"
    start = beginning.removeprefix(codecs.BOM_UTF8).lstrip().lower()
    for magic, kind, remedy in MARKUP:
        if start.startswith(magic):
            return f"this is {kind}: {remedy}"
    if len(beginning) > 3 and is_two_bytes_each(beginning):
        return f"this is UTF-16 text: {CONVERT.format(save=SAVE, charset='UTF-16LE')}"
    return None


def is_two_bytes_each(beginning: bytes) -> bool:
    """Whether every other byte is zero, as in UTF-16 without a mark."""
    return any(not any(beginning[start::2]) and all(beginning[1 - start :: 2]) for start in (0, 1))


def flaw_in(chunks: Iterable[bytes]) -> Flaw | None:
    """The first line with a byte that is not UTF-8; None where there is none."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    line, kind = 1, None
    try:
        for number, chunk in enumerate(chunks):
            kind = kind_of(chunk[:ENOUGH]) if number == 0 else kind
            line += decoder.decode(chunk).count("\n")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        line += error.object[: error.start].count(b"\n")
        return Flaw(line, f"{NOT_UTF8}; {kind}" if kind else f"{NOT_UTF8}{remedy_of(error)}")
    return None


def remedy_of(error: UnicodeDecodeError) -> str:
    if error.reason == "unexpected end of data":
        return f"; its last character is cut off: was the file cut? Else {SAVE}"
    if is_western(error.object):
        return f", perhaps Windows-1252; {CONVERT.format(save=SAVE, charset='WINDOWS-1252')}"
    return f"; {SAVE}"


def is_western(text: bytes) -> bool:
    """Whether it reads as Windows-1252: few letters beyond ASCII, and few other bytes beyond it."""
    try:
        high = [character for character in text.decode("cp1252") if character >= "\x80"]
    except UnicodeDecodeError:
        return False
    letters = sum(
        character.isalpha() or character in "\u20ac\u2018\u2019\u201c\u201d\u201e\u2013\u2026" for character in high
    )
    return len(high) <= MOST_HIGH_SHARE * len(text) and letters * 2 > len(high)
