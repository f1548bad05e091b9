"""Reviews of runs in a cluster, on stores in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from nightsort.adapters.config_map.sink import ConfigMapRows
from nightsort.adapters.kubernetes.resources import KubeResources
from nightsort.adapters.local.environment_secrets import EnvSecrets
from nightsort.api.resource import Meta
from nightsort.api.results import ConfigMapResults
from nightsort.api.status import Status
from nightsort.api.stored_results import StoredResults
from nightsort.cli.output.rows import Printer
from nightsort.cli.reviews.cluster import corrections_at_hand, corrections_of_retried, reviewed
from nightsort.cli.reviews.order import Reviewed, wish_of
from nightsort.domain.answer import Row, Verdict
from nightsort.domain.config_map import ConfigMap
from nightsort.domain.errors import Stalled
from nightsort.testing.config_maps import MemoryConfigMaps
from nightsort.testing.corrections import correction
from nightsort.wiring.cluster import Cluster
from tests.support.manifests import manifest

FILE = {"configMap": {"name": "tickets", "key": "tickets.csv"}}
DATABASE = {"database": {"urlSecretRef": {"name": "db", "key": "url"}, "query": "SELECT id, body FROM tickets"}}
CSV = "id,subject,body\n1,Help,charged twice\n2,Help,what is this\n3,Help,gone\n4,Help,my login\n"
ROWS = (
    Row("1", "billing", Verdict.LABELED),
    Row("2", None, Verdict.UNKNOWN),
    Row("3", None, Verdict.EXPIRED),
    Row("4", "account", Verdict.LABELED),
    Row("5", None, Verdict.UNKNOWN),
)


@dataclass
class Namespace:
    """A finished run, its retries, and ConfigMaps, as a person sees them."""

    config_maps: MemoryConfigMaps = field(default_factory=MemoryConfigMaps)
    manifests: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def read(self, namespace: str, name: str) -> Mapping[str, Any]:
        return self.manifests[name]

    async def there(self, namespace: str | None) -> Sequence[Mapping[str, Any]]:
        return list(self.manifests.values())

    async def add(self, name: str, rows: Sequence[Row], source: Any = FILE, retry_of: str = "") -> None:
        made = manifest(name, source=source, categories=[{"name": "billing"}, {"name": "account"}])
        made["metadata"] |= {"namespace": "support", "uid": f"uid-{name}", "creationTimestamp": "2026-11-22T03:30:00Z"}
        if retry_of:
            made["metadata"]["annotations"] = {"nightsort.dev/retry-of": retry_of}

        async def pages() -> AsyncIterator[Sequence[Row]]:
            yield rows

        await ConfigMapRows(self.config_maps, Meta.of(made), ConfigMapResults()).write(pages())
        results = StoredResults(config_maps=(f"{name}-results",), rows=len(rows))
        status = Status(phase="Complete", message="", results=results)
        made["status"] = status.model_dump(mode="json", by_alias=True, exclude_none=True)
        self.manifests[name] = made

    @property
    def cluster(self) -> Cluster:
        return Cluster(cast(KubeResources, self), self.config_maps, "support", EnvSecrets((), {}))

    async def review(self, *of: str, corrections: str | None = None) -> Reviewed:
        return await reviewed(self.cluster, "support", "night", wish_of(of, None, "anna"), corrections)


@pytest.fixture
async def namespace() -> Namespace:
    made = Namespace()
    await made.config_maps.keep("support", ConfigMap("tickets", {"tickets.csv": CSV}))
    await made.add("night", ROWS)
    return made


async def test_doubtful_tickets_come_with_their_texts_and_those_that_are_gone_are_left_out(
    namespace: Namespace,
) -> None:
    found = await namespace.review()

    assert {case.id: case.fields["body"] for case in found.cases} == {"2": "what is this", "3": "gone"}
    assert found.store.place == "ConfigMap night-corrections"


async def test_what_a_retry_has_labelled_is_no_longer_doubtful(namespace: Namespace) -> None:
    await namespace.add("night-retry", [Row("3", "billing", Verdict.LABELED)], retry_of="night")

    assert [case.id for case in (await namespace.review()).cases] == ["2"]


async def test_a_review_goes_on_with_what_nobody_has_decided(namespace: Namespace) -> None:
    await (await namespace.review()).store.change(lambda now: {"2": correction("2")})

    found = await namespace.review()

    assert ([case.id for case in found.cases], found.decided_before) == (["3"], 1)
    assert len((await namespace.review(corrections="shared")).cases) == 2


async def test_a_retry_knows_what_was_said_of_the_run_that_it_retries(namespace: Namespace) -> None:
    await namespace.add("night-retry", ROWS[2:], retry_of="night")
    await namespace.add("night-retry-2", ROWS[2:], retry_of="night-retry")
    await (await namespace.review()).store.change(lambda now: {"2": correction("2")})
    own = namespace.cluster.corrections("support", "night-retry-2-corrections")
    await own.change(lambda now: {"3": correction("3"), "2": correction("2", "account")})

    said, remarks = await corrections_of_retried(namespace.cluster, "support", namespace.manifests["night-retry-2"])

    assert ({one.id: one.category for one in said.values()}, remarks) == ({"2": "account", "3": "billing"}, [])


async def test_results_show_what_the_person_and_the_model_have_said(
    namespace: Namespace, capsys: pytest.CaptureFixture[str]
) -> None:
    await (await namespace.review()).store.change(lambda now: {"4": correction("4", "billing")})
    said, unread = await corrections_at_hand(namespace.cluster, "support", "night", None)
    printer = Printer("csv", terminal=False)

    printer.about((await namespace.review()).spec, said)
    printer.show(ROWS)
    printer.end()

    header, *lines = capsys.readouterr().out.splitlines()
    assert header.endswith(",outputTokens,model_category,corrected_by")
    assert lines[0].endswith(",,")
    assert lines[3].startswith("4,billing,Labeled,")
    assert lines[3].endswith(",account,anna")
    assert unread == ""


async def test_tickets_of_a_database_need_a_url(namespace: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    await namespace.add("night", ROWS, source=DATABASE)

    with pytest.raises(Stalled, match="to read the tickets of night, set DATABASE_URL to the URL of a user who may"):
        await namespace.review()
