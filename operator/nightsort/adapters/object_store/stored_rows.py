"""Reads back the rows of a run from object storage, with the credentials of the person who asks."""

from __future__ import annotations

import io
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from tempfile import SpooledTemporaryFile
from typing import TextIO

from nightsort.adapters.object_store.options import OPTIONS, PREFIXES, StorePolicy, named
from nightsort.adapters.object_store.sink import IN_MEMORY_BYTES, prefix_of
from nightsort.adapters.object_store.source import ObjectTickets
from nightsort.adapters.object_store.store import Folder
from nightsort.api.object_store import ObjectStoreSource
from nightsort.api.resource import Meta
from nightsort.domain.answer import Row
from nightsort.domain.errors import Stalled
from nightsort.domain.reasons import Reason
from nightsort.formats.row_files import rows_of
from nightsort.formats.rows import FORMATS, DamagedFile

VARIABLES = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (with AWS_REGION, AWS_SESSION_TOKEN, AWS_ENDPOINT_URL)",
    "gs": "GOOGLE_SERVICE_ACCOUNT_KEY, the content of a key file",
    "az": "AZURE_STORAGE_ACCOUNT_NAME, and AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN",
}
RIGHTS = "list the bucket and to read objects in the folder"
PAGE_ROWS = 1000
POLICY = StorePolicy(frozenset(VARIABLES), endpoints=("*",), own=True)


def stored_rows(url: str, owner: Meta, environment: Mapping[str, str]) -> Iterator[Sequence[Row]]:
    """The rows of a run in its folder, a page at a time; blocks, and is for threads.

    Raises:
        Stalled: the environment has no credentials, they are refused, or an object has other content.
        Waiting: the store does not answer. Rejected: the URL is none of a cluster's.
    """
    scheme = url.partition("://")[0]
    folder = Folder(url, options_in(environment, scheme), POLICY, place=f"the rows in {url}", rights=RIGHTS)
    try:
        found = sorted(name for name, _ in folder.names() if name.startswith(prefix_of(owner)))
    except Stalled as stalled:
        if stalled.reason is Reason.CREDENTIALS_MISSING:
            raise Stalled(f"to read the rows in {url}, set {VARIABLES[scheme]}", reason=stalled.reason) from None
        raise
    for name in found:
        yield from pages_of(folder, name)


def tickets_of_person(
    source: ObjectStoreSource, fields: Collection[str], environment: Mapping[str, str]
) -> ObjectTickets:
    """The tickets of a run, read with the credentials of the person who asks.

    Raises:
        Stalled: the environment has no credentials, or these are refused. Rejected: the URL is none of a cluster's.
    """
    scheme = source.url.partition("://")[0]
    return ObjectTickets(source, options_in(environment, scheme), fields, POLICY)


def options_in(environment: Mapping[str, str], scheme: str) -> Mapping[str, str]:
    """The options of a store by the cloud's environment variables."""
    known, prefixes = OPTIONS.get(scheme, frozenset()), PREFIXES.get(scheme, ())
    return {
        variable: value
        for variable, value in environment.items()
        if variable.lower().startswith(prefixes) and named(scheme, variable) in known
    }


def pages_of(folder: Folder, name: str) -> Iterator[Sequence[Row]]:
    file, ending = folder.read(name), name.rpartition(".")[2]
    if file is None:
        return  # it was replaced since the list
    newline = FORMATS[ending].newline if ending in FORMATS else None
    with file, SpooledTemporaryFile(max_size=IN_MEMORY_BYTES) as copy:  # readers of rows go back to the first line
        shutil.copyfileobj(file, copy)
        copy.seek(0)
        yield from pages_in(folder, name, io.TextIOWrapper(copy, encoding="utf-8", newline=newline))


def pages_in(folder: Folder, name: str, text: TextIO) -> Iterator[Sequence[Row]]:
    try:
        rows = rows_of(text, name.rpartition(".")[2])
        while page := list(islice(rows, PAGE_ROWS)):
            yield page
    except (DamagedFile, UnicodeDecodeError) as damage:
        raise folder.stalled(f"object {name}: {damage}", Reason.RESULTS_DAMAGED) from None
