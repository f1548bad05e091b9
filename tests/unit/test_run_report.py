"""The report of a run in a cluster, on stores in memory; tests/cluster/test_kubectl.py has it on a real API server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, cast

import pytest

from nightsort.adapters.config_map.sink import ConfigMapRows
from nightsort.adapters.kubernetes.resources import KubeResources
from nightsort.adapters.local.environment_secrets import EnvSecrets
from nightsort.api.condition import Condition
from nightsort.api.cost import Cost
from nightsort.api.counts import CategoryCount, FieldCounts, TicketCounts
from nightsort.api.evaluated import CategoryAccuracy, ConfusionCount, EvaluationStatus, Outcome, ShareInterval
from nightsort.api.resource import Meta, Resource
from nightsort.api.results import ConfigMapResults
from nightsort.api.reviewed import Agreement, ReviewStatus
from nightsort.api.status import Status
from nightsort.api.stored_results import StoredResults
from nightsort.cli.cluster.run_report import Wanted, labels_of, report_of
from nightsort.cli.output.runs import tickets_of
from nightsort.domain.answer import Row, Verdict
from nightsort.domain.breakdown import REUSED
from nightsort.domain.config_map import ConfigMap
from nightsort.domain.errors import Rejected, Stalled
from nightsort.domain.fields import AskedField, fields_of
from nightsort.report.figures import Report, Sample, spent
from nightsort.report.page import page_of
from nightsort.testing.config_maps import MemoryConfigMaps
from nightsort.wiring.cluster import Cluster
from tests.support.manifests import manifest
from tests.support.pages import Parsed
from tests.support.reports import NIGHT

CATEGORIES = [{"name": "billing"}, {"name": "technical"}]
DATABASE = {"database": {"urlSecretRef": {"name": "db", "key": "url"}, "query": "SELECT id, body FROM tickets"}}
FILE = {"configMap": {"name": "tickets", "key": "tickets.csv"}}


@dataclass
class Namespace:
    """What a person sees of a namespace: resources, the oldest first, and ConfigMaps."""

    config_maps: MemoryConfigMaps = field(default_factory=MemoryConfigMaps)
    manifests: list[dict[str, Any]] = field(default_factory=list)
    may_list: bool = True

    async def read(self, namespace: str, name: str) -> Mapping[str, Any]:
        for one in self.manifests:
            if one["metadata"]["name"] == name:
                return one
        raise Stalled(f"there is no ClassificationBatch {name} in namespace {namespace}")

    async def there(self, namespace: str | None) -> Sequence[Mapping[str, Any]]:
        if not self.may_list:
            raise Stalled("cannot list the ClassificationBatches: forbidden")
        return self.manifests

    async def add(
        self, name: str, rows: Sequence[Row] = (), *, cost: str | None = None, source: Any = None, **more: Any
    ) -> None:
        """A finished run with its rows in a ConfigMap; `more` are fields of its status, labels, a table."""
        made = manifest(name, source=source or FILE, categories=CATEGORIES, **more.pop("spec", {}))
        day = len(self.manifests) + 1
        if table := more.pop("table", None):
            made["spec"]["results"] = {"database": table}
        made["metadata"] |= {
            "namespace": "support",
            "uid": f"uid-{name}",
            "creationTimestamp": f"2026-11-{day:02}T03:30:00Z",
            "labels": more.pop("labels", {}),
            "annotations": {f"nightsort.dev/{key}": value for key, value in more.pop("annotations", {}).items()},
        }
        status: dict[str, Any] = {
            "phase": "Complete",
            "message": "all tickets have their row",
            "conditions": (finished("Finished"), finished("Complete")),
            "tickets": TicketCounts(total=len(rows)),
            "cost": Cost(actual_usd=cost, standard_usd=cost and str(2 * int(cost))),
            **more,
        }
        if rows:
            await self._store(Meta.of(made), rows, fields_of(Resource.served(made).spec))
            status["results"] = StoredResults(config_maps=(f"{name}-results",), rows=len(rows))
        made["status"] = Status(**status).model_dump(mode="json", by_alias=True, exclude_none=True)
        self.manifests.append(made)

    async def _store(self, owner: Meta, rows: Sequence[Row], fields: Sequence[AskedField]) -> None:
        async def pages() -> AsyncIterator[Sequence[Row]]:
            yield rows

        await ConfigMapRows(self.config_maps, owner, ConfigMapResults(), fields).write(pages())

    async def report(self, name: str, *, with_text: bool = False, selector: str = "") -> Report:
        cluster = Cluster(cast(KubeResources, self), self.config_maps, "support", EnvSecrets((), {}))
        return await report_of(cluster, "support", Wanted(name, labels_of(selector), with_text=with_text))


def finished(kind: str) -> Condition:
    return Condition(type=kind, status="True", last_transition_time=NIGHT, reason="Complete")


def labeled(id: str, category: str = "billing") -> Row:
    return Row(id, category, Verdict.LABELED)


async def test_the_rows_of_a_run_are_counted_and_every_ticket_once() -> None:
    namespace = Namespace()
    refused = Row("3", None, Verdict.REFUSED, "the model refused to answer")
    fallback = Row("4", "technical", Verdict.UNKNOWN, "the answer 'x' is none of the categories")
    await namespace.add("night", [labeled("1"), labeled("2"), refused, fallback], cost="3")

    made = await namespace.report("night")

    assert made.categories == {"billing": 2, "technical": 1}
    assert made.without == {"(none: failed)": 1}
    assert made.verdicts == {"Labeled": 2, "Refused": 1, "Unknown, with the category of unknownLabel": 1}
    assert [(one.id, one.verdict) for one in made.unusable] == [("3", Verdict.REFUSED)]
    assert made.samples == {"billing": [Sample("1"), Sample("2")], "technical": [Sample("4")]}
    assert (made.total, made.notes) == (4, [])


async def test_a_retry_fills_in_and_takes_nothing_away_and_both_are_one_night() -> None:
    namespace = Namespace()
    await namespace.add("night", [labeled("1"), *(Row(id, None, Verdict.EXPIRED) for id in "234")], cost="4")
    refused = Row("3", None, Verdict.REFUSED)
    again = [Row("1", None, Verdict.ERRORED), labeled("2"), refused, Row("4", None, Verdict.EXPIRED)]
    await namespace.add("night-retry", again, cost="3", annotations={"retry-of": "night"})
    last = [labeled("4", "technical")]
    await namespace.add("night-retry-2", last, cost="1", annotations={"retry-of": "night-retry"})

    made = await namespace.report("night")

    assert made.categories == {"billing": 2, "technical": 1}
    assert made.verdicts == {"Labeled": 3, "Refused": 1}
    assert [one.id for one in made.unusable] == ["3"]
    (run,) = made.runs
    assert (run.tickets, run.name) == (4, "night (2 retries)")
    assert (run.actual, run.standard) == (Decimal(8), Decimal(16))
    assert ("merged with", "night-retry, night-retry-2") in made.about


async def test_the_nights_before_are_those_over_the_same_source_or_by_the_same_cron_job() -> None:
    namespace = Namespace()
    creator = {"created-by": "support-nightly"}
    other = {"configMap": {"name": "others", "key": "tickets.csv"}}
    await namespace.add("same-source", [labeled("1")], cost="1")
    await namespace.add("stranger", [labeled("1")], cost="100", source=other)
    await namespace.add("same-creator", [labeled("1")], cost="2", source=DATABASE, annotations=creator)
    await namespace.add("its-retry", [labeled("1")], cost="3", annotations={"retry-of": "same-creator"})
    await namespace.add("unpaid", [labeled("1")])
    await namespace.add("night", [labeled("1")], cost="4", annotations=creator)
    await namespace.add("later", [labeled("1")], cost="200", annotations=creator)

    runs = (await namespace.report("night")).runs

    assert [run.name for run in runs] == ["night", "same-creator (1 retry)", "same-source"]
    assert spent(runs).actual == 4 + 5 + 1


async def test_labels_choose_the_nights_before() -> None:
    namespace = Namespace()
    for name, team in (("a", "x"), ("b", "y"), ("c", "x")):
        await namespace.add(name, [labeled("1")], cost="1", labels={"team": team, "kind": "nightly"})

    runs = (await namespace.report("c", selector="team=x, kind==nightly")).runs

    assert [run.name for run in runs] == ["c", "a"]
    with pytest.raises(ValueError, match="--selector: write labels as name=value"):
        labels_of("team")


async def test_a_run_under_way_shows_what_is_there_so_far() -> None:
    namespace = Namespace()
    under_way: Any = {"phase": "Processing", "message": "2 batches", "conditions": (), "tickets": TicketCounts(total=5)}
    await namespace.add("night", [labeled("1"), labeled("2")], **under_way)

    made = await namespace.report("night")

    assert (made.without, made.total) == ({"(under way)": 3}, 5)
    assert made.verdicts == {"Labeled": 2, "(under way)": 3}
    assert made.notes == ["night is Processing: 2 batches."]


async def test_tickets_that_were_reused_are_not_told_as_unanswered() -> None:
    namespace = Namespace()
    tickets = TicketCounts(total=5, labeled=2, reused=3)
    await namespace.add("night", [labeled("1"), labeled("2")], cost="1", tickets=tickets)

    made = await namespace.report("night")

    assert (made.without, made.total) == ({REUSED: 3}, 5)
    assert "not asked about: the row of an earlier run stands" in page_of(made)
    assert tickets_of(Status(tickets=tickets)) == "5: 2 labeled, 3 reused"


async def test_the_figures_of_rows_that_are_elsewhere_come_from_the_status() -> None:
    namespace = Namespace()
    await namespace.add(
        "night",
        source=DATABASE,
        table={"urlSecretRef": {"name": "db", "key": "url"}, "table": "tickets"},
        cost="2",
        tickets=TicketCounts(total=10, labeled=6, unknown=3, failed=1),
        categories=(CategoryCount(name="billing", tickets=7),),
        results=StoredResults(table="tickets", rows=10),
    )

    made = await namespace.report("night")

    assert made.categories == {"billing": 7, "technical": 0}
    assert made.without == {"(none: unknown)": 2, "(none: failed)": 1}
    assert sum(made.verdicts.values()) == made.total == 10
    [note] = made.notes
    assert note.startswith(
        "The rows are in table tickets, and are not read: the table does not say which of them night"
    )
    page = page_of(made)
    assert "3 tickets: their rows are in table tickets." in page
    assert "no usable answer; the rows say why" in page
    assert "None is shown: their rows are in table tickets." in page
    with pytest.raises(Rejected, match="those of night come from the database of Secret db"):
        await namespace.report("night", with_text=True)


async def test_rows_in_object_storage_that_a_person_cannot_read_are_told_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    namespace = Namespace()
    stored = StoredResults(object_store="s3://support/results/night/", rows=1)
    await namespace.add("night", cost="2", tickets=TicketCounts(total=1, failed=1), results=stored)

    made = await namespace.report("night")

    assert made.without == {"(none: failed)": 1}
    [note] = made.notes
    assert note.startswith("The rows are in s3://support/results/night/, and are not read: to read the rows in s3://")
    assert "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in note


async def test_an_evaluation_is_shown_with_its_interval_its_categories_and_its_confusions() -> None:
    namespace = Namespace()
    told = EvaluationStatus(
        outcome=Outcome.FAILED,
        sample=40,
        known=40,
        correct=30,
        accuracy="0.7500",
        interval=ShareInterval(low="0.5981", high="0.8581"),
        cost_usd="0.0012",
        categories=(
            CategoryAccuracy(name="billing", precision="0.80", recall="0.90", f1="0.85", support=31),
            CategoryAccuracy(name="technical", precision="0.11", recall="0.11", f1="0.11", support=9),
        ),
        confusions=(ConfusionCount(truth="billing", tickets=3),),
        matrix="0:0=28 0:-=3 1:0=7 1:1=2",
    )
    held: Any = {"phase": "Held", "message": "accuracy 0.75", "conditions": (), "tickets": TicketCounts(total=90)}
    await namespace.add("night", evaluation=told, **held)

    made = await namespace.report("night")
    page = page_of(made)

    assert made.notes == ["night is Held: accuracy 0.75."]
    assert "30 of 40 known tickets are right: accuracy 75.0 % (59.8 to 85.8 %)." in page
    for words in ("That is not enough for the run.", "cost $0.0012", "85.0%", "(no label)"):
        assert words in page
    assert "11.0%" not in page, "nine known tickets say nothing"
    matrix = next(table for table in Parsed(page).tables if table[0][0] == "known category" and "sum" in table[0])
    assert matrix == [
        ["known category", "1", "2", "none", "sum"],
        ["1 billing", "28", "", "3", "31"],
        ["2 technical", "7", "2", "", "9"],
        ["sum", "35", "2", "3", "40"],
    ]
    released = page_of(replace(made, evaluation=told.model_copy(update={"released": True})))
    assert "A person has released the run all the same." in released
    asked = page_of(replace(made, evaluation=EvaluationStatus(sample=40)))
    assert "None of 40 known tickets has an answer." in asked


async def test_the_word_of_a_second_model_is_shown_with_its_interval_and_its_cost() -> None:
    namespace = Namespace()
    told = ReviewStatus(
        read=50,
        agreed=40,
        disagreed=10,
        sample=Agreement(read=30, agreed=27, agreement="0.9000", interval=ShareInterval(low="0.7438", high="0.9654")),
        needs_review=10,
        unread=2,
        message="its batch expired",
        cost_usd="0.0100",
    )
    review = {"model": "claude-sonnet-5-5", "of": ["Unknown", "Sample"], "sample": "5%"}
    await namespace.add("night", [labeled("1")], review=told, spec={"review": review})

    page = page_of(await namespace.report("night"))

    assert "Claude-sonnet-5-5" not in page, "a name is not a word at the beginning of a sentence"
    assert "claude-sonnet-5-5 agrees on 27 of 30 tickets drawn by chance (90.0 %, 74.4 to 96.5 %)" in page
    for words in (
        "10 to be looked at, 2 not read.",
        "stand for the whole run",
        "Not read: its batch expired",
        "$0.0100",
    ):
        assert words in page


async def test_the_values_of_further_fields_are_counted_from_the_rows_or_else_from_the_status(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    namespace = Namespace()
    fields = [
        {"name": "urgency", "values": ["low", "high"]},
        {"name": "topics", "values": ["card", "fee", "rate"], "multiple": True},
        {"name": "summary", "maxLength": 80},
    ]
    rows = [
        Row("1", "billing", Verdict.LABELED, values=("low", ["card", "fee"], "in words")),
        Row("2", "billing", Verdict.LABELED, values=(None, ["card"], "in words")),
        Row("3", None, Verdict.REFUSED),
    ]
    await namespace.add("night", rows, spec={"fields": fields})
    urgency = FieldCounts(name="urgency", values=(CategoryCount(name="high", tickets=5),), unknown=1)
    unreadable = StoredResults(object_store="s3://support/results/night/", rows=6)
    await namespace.add("elsewhere", spec={"fields": fields}, fields=(urgency,), results=unreadable)

    made = await namespace.report("night")
    [table] = [table for table in Parsed(page_of(made)).tables if table[1][0] == "low"]

    assert made.fields == {
        "urgency": {"low": 1, "high": 0, "(none of them)": 1},
        "topics": {"card": 2, "fee": 1, "rate": 0},
    }
    assert [row[:3] for row in table[1:]] == [
        ["low", "1", "50.0%"],
        ["high", "0", "0.0%"],
        ["(none of them)", "1", "50.0%"],
        ["total", "2", "100.0%"],
    ]
    assert (await namespace.report("elsewhere")).fields == {"urgency": {"high": 5, "(none of them)": 1}}


async def test_texts_are_shown_as_the_model_reads_them_and_only_when_asked_for() -> None:
    namespace = Namespace()
    owner = Meta("support", "tickets", "uid")
    text = "id,subject,body\n1,Help,<p>I was charged <b>twice</b></p>\n"
    await namespace.config_maps.write(owner, ConfigMap("tickets", {"tickets.csv": text}))
    await namespace.add("night", [labeled("1"), labeled("gone")])

    assert "charged" not in page_of(await namespace.report("night"))
    made = await namespace.report("night", with_text=True)

    assert [one.text for one in made.samples["billing"]] == ["Subject: Help\n\nI was charged twice", ""]


async def test_a_person_who_may_not_list_gets_the_run_alone_and_is_told() -> None:
    namespace = Namespace(may_list=False)
    await namespace.add("before", [labeled("1")], cost="1")
    await namespace.add("night", [labeled("1")], cost="1")

    made = await namespace.report("night")

    assert [run.name for run in made.runs] == ["night"]
    assert made.notes == ["Retries and the runs before are left out: cannot list the ClassificationBatches: forbidden."]


async def test_a_run_that_nobody_has_looked_at_has_nothing_to_show() -> None:
    namespace = Namespace()
    await namespace.add("night", phase=None)

    with pytest.raises(Rejected, match="night has nothing to show yet: no operator has looked at it"):
        await namespace.report("night")
    with pytest.raises(Stalled, match="there is no ClassificationBatch other"):
        await namespace.report("other")


async def test_retries_of_each_other_end() -> None:
    namespace = Namespace()
    await namespace.add("a", [labeled("1")], cost="1", annotations={"retry-of": "b"})
    await namespace.add("b", [labeled("1")], cost="1", annotations={"retry-of": "a"})

    assert [run.name for run in (await namespace.report("a")).runs] == ["a (1 retry)"]
