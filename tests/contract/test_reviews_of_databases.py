"""Reviews of runs whose tickets and labels are in a database, read with the person's own URL; nothing is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
import sqlalchemy as sa

from nightsort.adapters.kubernetes.resources import KubeResources
from nightsort.adapters.local.environment_secrets import EnvSecrets
from nightsort.api.batch_record import BatchRecord, BatchState
from nightsort.api.status import Status
from nightsort.api.stored_results import StoredResults
from nightsort.cli.reviews.cluster import reviewed
from nightsort.cli.reviews.order import Reviewed, nothing_to_review, wish_of
from nightsort.domain.errors import Stalled, Waiting
from nightsort.testing.config_maps import MemoryConfigMaps
from nightsort.testing.corrections import correction
from nightsort.wiring.cluster import Cluster, OwnTickets
from tests.contract.databases import TestDatabase, another_database, database, only_servers
from tests.contract.tables import a_user_with
from tests.support.manifests import manifest

__all__ = ["another_database", "database"]

pytestmark = only_servers
REF = {"name": "db", "key": "url"}
OPEN = "SELECT id, subject, body FROM tickets WHERE category IS NULL ORDER BY id LIMIT 100"
COLUMNS = {"verdict": "verdict", "batchId": "batch"}
MADE = (
    "CREATE TABLE tickets (id bigint PRIMARY KEY, subject varchar(90), body varchar(90), category varchar(90), "
    "verdict varchar(90), batch varchar(90))"
)
ROWS = (
    (1, "Help", "charged twice", "billing", "Labeled", "b1"),
    (2, "Help", "what is this", None, "Unknown", "b1"),
    (3, "Help", "gone", None, "Expired", "b1"),
    (4, "Help", "my login", "billing", "Labeled", "b1"),
    (5, "Help", "of another night", None, "Unknown", "b0"),
)


@dataclass
class Night:
    """A run in a cluster, as the person who reviews it sees it."""

    database: TestDatabase
    config_maps: MemoryConfigMaps = field(default_factory=MemoryConfigMaps)
    manifest: dict[str, Any] = field(default_factory=dict)

    async def read(self, namespace: str, name: str) -> Mapping[str, Any]:
        return self.manifest

    async def there(self, namespace: str | None) -> Sequence[Mapping[str, Any]]:
        return [self.manifest]

    def __post_init__(self) -> None:
        self.database.run(MADE)
        names = ("id", "subject", "body", "category", "verdict", "batch")
        self.database.insert("tickets", *(dict(zip(names, row, strict=True)) for row in ROWS))

    def add(
        self, query: str = OPEN, columns: Mapping[str, Any] = COLUMNS, *, mode: str = "Update", **results: Any
    ) -> None:
        source = {"database": {"urlSecretRef": REF, "query": query}}
        table = {"urlSecretRef": REF, "table": "tickets", "mode": mode, "columns": {"id": "id", **columns}, **results}
        made = manifest("night", source=source, categories=[{"name": "billing"}, {"name": "account"}])
        made["spec"]["results"] = {"database": table}
        made["metadata"] |= {"namespace": "support", "uid": "u", "creationTimestamp": "2026-11-22T03:30:00Z"}
        batch = BatchRecord.model_validate(
            {"shard": 0, "attempt": 0, "tag": "abcdef", "state": BatchState.COLLECTED, "id": "b1", "requests": 4,
             "intendedAt": "2026-11-22T03:30:00Z"}
        )  # fmt: skip
        status = Status(phase="Complete", results=StoredResults(table="tickets", rows=4), batches=(batch,))
        made["status"] = status.model_dump(mode="json", by_alias=True, exclude_none=True)
        self.manifest = made

    def cluster(self, own: OwnTickets | None = None, url_env: str = "", **secrets: str) -> Cluster:
        documents = [
            {"metadata": {"name": name, "namespace": "support"}, "stringData": {"url": url}}
            for name, url in secrets.items()
        ]
        resources = cast(KubeResources, self)
        found = EnvSecrets(documents, {})
        return Cluster(resources, self.config_maps, "support", found, url_env, own or OwnTickets())

    async def review(
        self, *of: str, sample: int | None = None, own: OwnTickets | None = None, url_env: str = "", **secrets: str
    ) -> Reviewed:
        wish = wish_of(of, sample, "anna")
        return await reviewed(self.cluster(own, url_env, **secrets), "support", "night", wish, None)


@pytest.fixture
def night(database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> Night:
    monkeypatch.setenv("DATABASE_URL", database.url)
    return Night(database)


def texts(found: Reviewed) -> dict[str, str]:
    return {case.id: case.fields["body"] for case in found.cases}


async def test_tickets_of_a_table_are_shown_with_their_texts_also_those_that_have_their_label(night: Night) -> None:
    night.add()

    found = await night.review("unknown,failed,sample", sample=9)

    assert texts(found) == {"1": "charged twice", "2": "what is this", "3": "gone", "4": "my login"}
    assert {case.id: case.answer for case in found.cases}["4"] == "billing"
    assert found.remarks == ()


async def test_what_was_decided_is_kept_in_a_config_map_and_the_table_is_as_it_was(night: Night) -> None:
    night.add()
    before = night.database.rows("SELECT * FROM tickets ORDER BY id")

    await (await night.review()).store.change(lambda now: {"2": correction("2")})

    found = await night.review()
    assert (set(texts(found)), found.decided_before) == ({"3"}, 1)
    assert night.database.rows("SELECT * FROM tickets ORDER BY id") == before


async def test_a_user_who_may_only_read_can_review(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    night.add()
    if night.database.kind != "postgresql":
        pytest.skip("users are made in PostgreSQL alone")
    with a_user_with(night.database, "GRANT SELECT ON tickets TO {user}") as reader:
        monkeypatch.setenv("DATABASE_URL", reader.url)

        assert len((await night.review("sample", sample=9)).cases) == 2


async def test_rows_that_are_gone_are_counted_and_told(night: Night) -> None:
    night.add()
    elsewhere = "SELECT id, subject, body FROM tickets WHERE id <> 3"

    found = await night.review(own=OwnTickets(query=elsewhere))

    assert set(texts(found)) == {"2"}
    [remark] = found.remarks
    assert remark.startswith("1 ticket left out: not in the source any more")
    assert "--tickets-query 'SELECT …' reads them with another" in remark


async def test_a_query_in_other_words_is_replaced_by_one_of_the_persons_own(night: Night) -> None:
    night.add("SELECT id, subject, body FROM tickets WHERE COALESCE(category, '') = ''")

    lacking = await night.review("sample", sample=9)
    found = await night.review("sample", sample=9, own=OwnTickets(query="SELECT id, subject, body FROM tickets"))

    assert "nothing to review" in nothing_to_review(lacking, wish_of(["sample"], 9, "anna"))
    assert "2 tickets left out" in lacking.remarks[0]
    assert set(texts(found)) == {"1", "4"}


async def test_what_a_table_does_not_tell_is_said(night: Night) -> None:
    night.add(columns={})

    found = await night.review(sample=9)

    assert set(texts(found)) == {"1", "4"}
    whose, verdicts = found.remarks
    assert "it does not say which run has written a row" in whose
    assert verdicts == (
        "table tickets has no column for verdicts (results.database.columns.verdict): tickets without a category "
        "cannot be told there, and --sample draws some of the others by chance"
    )


async def test_the_url_comes_from_the_secret_or_is_asked_for(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    night.add()
    monkeypatch.delenv("DATABASE_URL")

    assert len((await night.review(db=night.database.url)).cases) == 2
    with pytest.raises(Stalled) as unknown:
        await night.review()
    assert "to read the tickets of night, set DATABASE_URL to the URL of a user who may SELECT" in str(unknown.value)
    with pytest.raises(Stalled, match="--tickets-url-env: the environment has no variable MINE"):
        await night.review(own=OwnTickets(url_env="MINE"))


async def test_tickets_of_another_database_have_a_url_of_their_own(
    night: Night, another_database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    night.add(urlSecretRef={"name": "labels", "key": "url"})
    another_database.run(
        "CREATE TABLE tickets (id bigint PRIMARY KEY, subject varchar(9), body varchar(9), category varchar(9))"
    )
    another_database.run("INSERT INTO tickets VALUES (2, 'Help', 'other', 'billing')")

    with pytest.raises(Stalled, match=r"have a database URL of their own .* give --tickets-url-env VARIABLE"):
        await night.review()
    monkeypatch.setenv("TICKETS", another_database.url)
    found = await night.review(own=OwnTickets(url_env="TICKETS"))

    assert texts(found) == {"2": "other"}
    assert texts(await night.review(db=another_database.url)) == {"2": "other"}


async def test_a_database_that_is_not_reached_is_named_without_user_and_password(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    night.add()
    url = sa.make_url(night.database.url).set(host="127.0.0.1", port=1, password="s3cr3t", query={})
    monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))

    with pytest.raises(Waiting) as away:
        await night.review()

    assert "127.0.0.1:1" in str(away.value)
    assert "s3cr3t" not in str(away.value)
    assert f"{url.username}:" not in str(away.value)


async def test_a_table_that_is_gone_is_named(night: Night) -> None:
    night.add()
    night.database.run("ALTER TABLE tickets RENAME TO former")

    with pytest.raises(Stalled, match="there is no table 'tickets'"):
        await night.review()
