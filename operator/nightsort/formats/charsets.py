"""The character encoding of a text file: by its mark, by being valid UTF-8, or Windows-1252 where that is certain.

Windows-1252 shares its bytes with a dozen other code pages. It is accepted where the letters beyond ASCII are the same
in Central Europe's page, or belong to one language for which Windows-1252 is used; read so, a file in Polish, Czech,
Slovene or Turkish has letters that no such language has.
"""

from __future__ import annotations

import codecs
import io
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nightsort.domain.file_kinds import ENOUGH, kind_of
from nightsort.formats.unchanged import EMPTY, Rereadable
from nightsort.formats.unusable import NoContent, Undecodable, UnusableFile

CHUNK = 1 << 20
MARKS = (  # UTF-32's little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
UTF32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
WESTERN = "cp1252"
LETTERS = {
    "French": "àèêëîïôœùûüÿÀÈÊËÎÏÔŒÙÛÜ",
    "Spanish": "ñÑ¿¡ºª",
    "Portuguese": "ãàêõÃÀÊÕºª",
    "Italian": "àèìòùÀÈÌÒÙ",
    "Dutch": "èïÈÏ",
    "Danish and Norwegian": "åæøÅÆØ",
    "Swedish and Finnish": "åÅ",
}
"""Letters beside those that Windows-1252 and Windows-1250 have in the same place, such as ä, é and ß."""
SIGNS = frozenset("€‚„“”‘’…–—•«»°§£©®™´·\xa0")  # noqa: RUF001
SAME = frozenset(
    bytes([byte]).decode("cp1252", "replace")
    for byte in range(128, 256)
    if bytes([byte]).decode("cp1252", "replace") == bytes([byte]).decode("cp1250", "replace") != "\ufffd"
) - set("ŠšŽž")
"""The last four are letters of Slavic languages alone."""
LEAST_SHARE = 0.97
"""Share of the other letters that one language must have: the rest are in names."""
MOST_SHARE = 0.3
"""Share of letters beyond ASCII among all, in a language for which Windows-1252 is used."""
BINARY = "this is binary and no text: export it as CSV, or name what it is with --format"
BY_ANOTHER_NAME = (
    (b"PK\x03\x04", "a spreadsheet or a zip archive", ".xlsx, or unpack it"),
    (b"PAR1", "Parquet", ".parquet"),
    (b"\x1f\x8b", "packed by gzip", ".gz, behind what it has now"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd", ".zst, behind what it has now"),
)
MOST_ZEROS = 0.7
CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
MOST_CONTROL = 0.02
"""Share of control characters, other than white space and escapes, in a text."""
BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
MISREAD = re.compile(r"[A-Za-z][€‚„“”…•«»][A-Za-z]|[ÂÃ][\xa1-\xbf€„“”…–œžŸ¤]|â€")  # noqa: RUF001
"""Signs of a wrong page: `ä` of DOS' code page read as `„`, or that of UTF-8 as two letters."""


@dataclass(frozen=True, slots=True)
class Charset:
    """The decoding of a file's bytes: Python's codec, the mark at the beginning, and a remark for people."""

    codec: str
    mark: bytes = b""
    note: str = ""


UTF8 = Charset("utf-8")


def charset_of(file: Rereadable, told: str | None = None) -> Charset:
    """Reads the file once, to its end.

    Raises:
        UnusableFile: it is empty or no text, is not in the given encoding, or its characters would be a guess.
    """
    found = charset_by_beginning(file, told)
    flaw = flaw_of(file, found)
    if flaw is None:
        return found
    if told is None and found.codec == "utf-8" and not found.mark and is_western(file):
        return Charset(WESTERN, note="read as Windows-1252, since it is not UTF-8 (--encoding says otherwise)")
    if told is None and not found.mark and is_binary(beginning_of(file)):
        raise UnusableFile(file.path, BINARY)
    raise UnusableFile(file.path, remedy(found, told), f"line {flaw:,}")


def charset_by_beginning(file: Rereadable, told: str | None = None) -> Charset:
    """As far as the first bytes tell: whether the others are in it is only found by reading them.

    Raises:
        UnusableFile: it is empty or no text.
    """
    beginning = beginning_of(file)
    found = by_mark(file.path, beginning) if told is None else told_charset(file.path, told, beginning)
    if not beginning[len(found.mark) :]:
        raise NoContent(file.path, EMPTY)
    if told is None and not found.mark.startswith(b"\xff") and not found.mark.startswith(b"\xfe"):
        refuse_other_kinds(file.path, beginning)
    if told is None and found.codec == "utf-8" and b"\0" in beginning:
        raise UnusableFile(file.path, BINARY)
    return found


def beginning_of(file: Rereadable) -> bytes:
    with file.content() as content:
        return content.read(ENOUGH)


@contextmanager
def opened_text(file: Rereadable, charset: Charset, newline: str) -> Iterator[io.TextIOWrapper]:
    """A file's text behind its mark.

    Raises:
        UnusableFile: it cannot be read, or has changed.
    """
    with file.content() as content:
        content.read(len(charset.mark))
        text = io.TextIOWrapper(content, charset.codec, newline=newline)
        try:
            yield text
        except UnicodeError:
            raise Undecodable(file.path, "its characters cannot be read: has it changed meanwhile?") from None
        finally:
            text.detach()


def by_mark(path: Path, beginning: bytes) -> Charset:
    if beginning.startswith(UTF32):
        raise UnusableFile(path, "this is UTF-32 text: read it with --encoding utf-32")
    for mark, codec in MARKS:
        if beginning.startswith(mark):
            return Charset(codec, mark)
    if unmarked := unmarked_utf16(beginning):
        raise UnusableFile(path, f"this seems to be UTF-16 without a mark: read it with --encoding {unmarked}")
    return UTF8


def unmarked_utf16(beginning: bytes) -> str | None:
    """UTF-16, recognised by the zero bytes beside the letters of ASCII, which are most of a header."""
    for codec, high in (("utf-16-be", beginning[::2]), ("utf-16-le", beginning[1::2])):
        if len(high) > 1 and high.count(0) >= MOST_ZEROS * len(high) and beginning.count(0) == high.count(0):
            return codec
    return None


def told_charset(path: Path, told: str, beginning: bytes) -> Charset:
    try:
        codec = codecs.lookup(told).name
        "".encode(codec)
    except (LookupError, UnicodeError, ValueError):
        raise UnusableFile(
            path, f"there is no encoding {told!r}: name one such as utf-8, utf-16, cp1252, iso8859-15"
        ) from None
    codec = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(codec, codec)
    for mark, marked in ((UTF32[0], "utf-32-le"), (UTF32[1], "utf-32-be"), *MARKS):
        if beginning.startswith(mark) and codec[:6] == marked[:6]:
            return Charset(marked, mark)
    return Charset(codec)


def refuse_other_kinds(path: Path, beginning: bytes) -> None:
    for magic, what, ending in BY_ANOTHER_NAME:
        if beginning.startswith(magic):
            raise UnusableFile(path, f"this is {what}, whatever its name says: let that end in {ending}")
    if kind := kind_of(beginning):
        raise UnusableFile(path, kind, "line 1")


def is_binary(beginning: bytes) -> bool:
    """Whether bytes that are no UTF-8 are no text of another code page, either: those use control characters rarely."""
    return len(CONTROL.findall(beginning)) > MOST_CONTROL * len(beginning)


def flaw_of(file: Rereadable, charset: Charset) -> int | None:
    """The first line that is not valid in this encoding; None where all are.

    Raises:
        UnusableFile: the text has NUL characters.
    """
    line = 1
    try:
        for text in texts(file, charset):
            if (zero := text.find("\0")) >= 0:
                line += text.count("\n", 0, zero)
                raise UnusableFile(
                    file.path, "a NUL character: this is no text, or it is damaged; export it anew", f"line {line:,}"
                )
            line += text.count("\n")
    except UnicodeDecodeError as error:
        return line + error.object[: error.start].decode(charset.codec, "replace").count("\n")
    except UnicodeError:
        return line
    return None


def texts(file: Rereadable, charset: Charset) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(charset.codec)()
    with file.content() as content:
        content.read(len(charset.mark))
        while chunk := content.read(CHUNK):
            yield decoder.decode(chunk)
        yield decoder.decode(b"", final=True)


def is_western(file: Rereadable) -> bool:
    """Whether its encoding is certainly Windows-1252."""
    found: Counter[str] = Counter()
    chars = misread = 0
    try:
        for text in texts(file, Charset(WESTERN)):
            chars += len(text)
            misread += len(MISREAD.findall(text))
            found.update(BEYOND_ASCII.findall(text))
    except UnicodeDecodeError:
        return False
    letters = {character: count for character, count in found.items() if character not in SIGNS}
    doubtful = sum(count for letter, count in letters.items() if letter not in SAME)
    covered = max(
        sum(letters.get(letter, 0) for letter in alphabet if letter not in SAME) for alphabet in LETTERS.values()
    )
    few = sum(letters.values()) <= MOST_SHARE * chars and misread * 10 <= found.total()
    return few and covered >= LEAST_SHARE * doubtful


def remedy(charset: Charset, told: str | None) -> str:
    if told is not None:
        return f"not {told} text: name its encoding with --encoding, or leave that away"
    if charset.mark:
        return f"not {charset.codec} text, as its beginning says: was the file cut, or put together from two?"
    return (
        "not UTF-8 text, and which code page it is would be a guess: name it with --encoding, such as "
        "--encoding cp1252 (Western Europe) or --encoding cp1250 (Central Europe)"
    )
