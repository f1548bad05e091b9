"""Rows of a run that its person reads back from object storage, with credentials of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from nightsort.adapters.object_store import stored_rows as adapter
from nightsort.adapters.object_store.options import StorePolicy
from nightsort.adapters.object_store.sink import ObjectRows
from nightsort.adapters.object_store.stored_rows import stored_rows
from nightsort.api.object_store import ObjectStoreResults
from nightsort.api.resource import Meta
from nightsort.domain.answer import Row, Verdict
from nightsort.domain.errors import Rejected, Stalled
from tests.servers.s3 import KEYS, Bucket

OWNER = Meta("support", "tonight", "uid-1")
ROWS = [
    Row("1", "billing", Verdict.LABELED, batch_id="msgbatch_1"),
    Row("2\r\n", None, Verdict.UNKNOWN, 'said "x"', batch_id="msgbatch_1"),
    Row("3", None, Verdict.UNSENDABLE),
]


def environment(bucket: Bucket) -> Mapping[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": KEYS["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": KEYS["secret_access_key"],
        "AWS_ENDPOINT_URL": bucket.endpoint,
        "AWS_PROFILE": "what no store takes is left out",
        "PATH": "/bin",
    }


async def written(bucket: Bucket, rows: Sequence[Row], owner: Meta = OWNER, form: Any = "jsonl") -> str:
    """The folder that holds these rows."""

    async def pages() -> AsyncIterator[Sequence[Row]]:
        yield rows

    results = ObjectStoreResults(url=f"s3://{bucket.name}/results/", format=form)
    policy = StorePolicy(frozenset({"s3"}), endpoints=("*",), own=True)
    stored = await ObjectRows(results, bucket.options, policy, owner).write(pages())
    return str(stored.where["object_store"])


def read(url: str, environment: Mapping[str, str], owner: Meta = OWNER) -> list[Row]:
    return [row for page in stored_rows(url, owner, environment) for row in page]


@pytest.mark.parametrize("form", ["jsonl", "csv"])
async def test_rows_are_read_back_as_they_were_stored_and_those_of_another_run_are_not(
    s3_bucket: Bucket, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "PAGE_ROWS", 1)
    url = await written(s3_bucket, ROWS, form=form)
    await written(s3_bucket, ROWS[:1], replace(OWNER, uid="uid-of-a-former-one"), form)

    found = read(url, environment(s3_bucket))

    assert sorted(found, key=lambda row: row.id) == ROWS


async def test_without_credentials_the_variables_are_named(s3_bucket: Bucket) -> None:
    url = await written(s3_bucket, ROWS)

    for scheme, variable in (
        ("s3", "AWS_ACCESS_KEY_ID"),
        ("gs", "GOOGLE_SERVICE_ACCOUNT_KEY"),
        ("az", "AZURE_STORAGE"),
    ):
        with pytest.raises(Stalled, match=f"to read the rows in {scheme}://.*, set {variable}"):
            read(url.replace("s3://", f"{scheme}://"), {})
    with pytest.raises(Rejected, match="the URL's scheme is not for here"):
        read("file:///etc/", environment(s3_bucket))


async def test_an_object_that_somebody_has_changed_is_named(s3_bucket: Bucket) -> None:
    url = await written(s3_bucket, ROWS[:1])
    [name] = [name for name in s3_bucket.names() if "rows-" in name]
    s3_bucket.put(name, b"nonsense\n")

    with pytest.raises(Stalled, match=r"object rows-\w+-msgbatch_1\.jsonl: line 1 is no row of results"):
        read(url, environment(s3_bucket))
