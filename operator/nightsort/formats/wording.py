"""Messages about a file in the words of a resource, whose fields say what the command line says by flags."""

from __future__ import annotations

import re

from nightsort.formats.tickets import InvalidFile
from nightsort.formats.unusable import UnusableFile

FLAG = re.compile(r"--(encoding|delimiter|sheet|format)( (?:utf-[-\w]+|cp\d+|'[^']*'))?")
BY_PIP = "pip install 'nightsort[parquet]'"
BY_IMAGE = f"{BY_PIP}, in a cluster an image that has it (docs/install.md)"
NO_FIELD = ", or take the missing ones for empty with --fill-short-rows"


def by_fields(unusable: UnusableFile) -> InvalidFile:
    """The message without the file's path, which its reader says in words of its own."""
    what = FLAG.sub(field, unusable.what.replace(NO_FIELD, "").replace(BY_PIP, BY_IMAGE))
    return InvalidFile(f"{unusable.place}: {what}" if unusable.place else what)


def field(flag: re.Match[str]) -> str:
    return f"{flag[1]}:{flag[2]}" if flag[2] else f"the field {flag[1]}"
