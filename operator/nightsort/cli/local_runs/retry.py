"""`nightsort retry` for runs of this machine.

For a file: classify with the flags of the last time, about nothing but the tickets without a category. For a manifest:
a resource NAME-retry of the tickets without one, beside the first, as in a cluster.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nightsort.api.resource import Resource
from nightsort.cli.classification.known import last_question
from nightsort.cli.classification.memory import shown, state_flag
from nightsort.cli.classification.order import STATE_FILE, InvalidOrder, Order
from nightsort.cli.classification.run import carry_out as classify
from nightsort.cli.classification.screen import screen
from nightsort.cli.cluster.manifest_bundle import ManifestBundle
from nightsort.cli.cluster.retry_plan import again, next_name
from nightsort.cli.configuration import settings_of
from nightsort.cli.local_runs import manifests
from nightsort.cli.local_runs.job import Job, finished, manifests_of
from nightsort.cli.local_runs.rows import renamed
from nightsort.cli.manifests import Manifests
from nightsort.cli.output.exit_codes import BAD_INPUT, NOT_COMPLETE, TIMED_OUT, fail
from nightsort.domain.conditions import is_finished
from nightsort.domain.correction import Correction, Corrections
from nightsort.domain.errors import Interruption
from nightsort.domain.printable import printable
from nightsort.formats.kinds import corrections_of_run
from nightsort.formats.tickets import InvalidFile
from nightsort.wiring import classify as wiring
from nightsort.wiring.corrections import corrections_in
from nightsort.wiring.local_rows import LocalFiles


@dataclass(frozen=True, slots=True)
class RetryOrder:
    """The command line's input; `verdicts` narrow it, if there are any, and `timeout` is in seconds."""

    file: Path
    folder: Path
    verdicts: frozenset[str] = frozenset()
    resource: str | None = None
    yes: bool = False
    max_cost: str | None = None
    timeout: float | None = None
    api_url: str | None = None
    dry_run: bool = False


def carry_out(order: RetryOrder) -> None:
    """The whole command; ends the process with a message where it cannot go on."""
    try:
        if manifests.is_manifest(order.file):
            retry_manifest(order)
            return
        usual = order_of_file(order)
    except (InvalidOrder, InvalidFile) as error:
        fail(str(error), BAD_INPUT)
    except Interruption as interruption:
        fail(interruption.message, BAD_INPUT)
    classify(usual)


def order_of_file(order: RetryOrder) -> Order:
    """Classify's order of the last time, for the tickets without a category."""
    with wiring.reading(order.folder / STATE_FILE) as state:
        usual, asked, _ = last_question(state, order.file, order.folder)
        if wiring.last_order(state, asked.file, simulated=asked.simulated) is None:
            raise InvalidOrder(
                f"the flags with which {order.file} was classified were not kept by an earlier version: type the same "
                "nightsort classify with --retry"
            )
    return replace(
        usual,
        retry=True,
        only_retry=True,
        verdicts=order.verdicts,
        yes=order.yes,
        max_cost=order.max_cost,
        estimate=order.dry_run,
        timeout=order.timeout,
        api_url=order.api_url,
    )


def retry_manifest(order: RetryOrder) -> None:
    given = manifests_of(order.file)
    known = asyncio.run(manifests.known(given, order.folder))
    if known is None or known.simulated:
        raise InvalidOrder(f"{order.file} has not run with {order.folder}: run it with nightsort local")
    chosen = known.resources if order.resource is None else [manifests.the_one(order.file, known, order.resource)]
    for one in chosen:
        if not is_finished(one.status):
            back = shlex.join(["nightsort", "local", shown(order.file), *state_flag(order.folder)])
            raise InvalidOrder(f"{one.meta.name} is not finished: {back}  goes on with it")
    planned = [plan for one in chosen if (plan := asyncio.run(next_retry(given, known.files, one, order))) is not None]
    if order.dry_run or not planned:
        for plan in planned:
            screen().print(plan.bundle.as_yaml(), soft_wrap=True, end="")
        return
    documents = [document for plan in planned for document in plan.documents]
    resources = tuple(plan.resource for plan in planned)
    run = replace(given, resources=resources, config_maps=(*given.config_maps, *documents))
    job = Job(order.file, run, settings_of(anthropic_base_url=order.api_url), order.folder, timeout=order.timeout)
    if not finished(job):
        over = " when its time was over" if job.timed_out else ""
        fail(f"not complete{over}: the same command goes on", TIMED_OUT if job.timed_out else NOT_COMPLETE)


@dataclass(frozen=True, slots=True)
class PlannedRetry:
    """A retry to run; `documents` are ConfigMaps of tickets, of it and of those before it."""

    resource: Resource
    bundle: ManifestBundle
    documents: Sequence[Mapping[str, Any]]


async def next_retry(given: Manifests, files: LocalFiles, resource: Resource, order: RetryOrder) -> PlannedRetry | None:
    """The first retry that has not ended: that of the resource, or of its retry, and so on."""
    documents: list[Mapping[str, Any]] = []
    said: dict[str, Correction] = {}
    while True:
        said = {**said, **corrections_in(corrections_of_run(order.file, resource.meta.name))}
        begun = await files.resource(renamed(resource, next_name(resource.meta.name)))
        manifest = {"spec": resource.spec.model_dump(mode="json", by_alias=True, exclude_unset=True)}
        corrected = said_by(said, begun)
        plan = await again(files, resource, manifest, None, order.verdicts, everything=False, corrected=corrected)
        if plan.order is None:
            tell(plan.notes)
            return None
        if plan.order.tickets is not None:
            documents.append(document_of(plan.order))
            files = LocalFiles.of(files.folder, (*given.config_maps, *documents))
        made = of_bundle(plan.order)
        found = await files.resource(made)
        if found is None or not is_finished(found.status):
            tell(plan.notes)
            return PlannedRetry(made, plan.order, documents)
        resource = found


def said_by(said: Corrections, begun: Resource | None) -> Corrections:
    """What had been said when a retry began, which goes on with the same tickets; all, before it begins."""
    since = begun.status.start_time if begun is not None else None
    return {one.id: one for one in said.values() if since is None or one.at <= since}


def of_bundle(bundle: ManifestBundle) -> Resource:
    metadata = bundle.manifest["metadata"]
    known = {**metadata, "uid": f"{metadata['namespace']}/{metadata['name']}"}
    return Resource.of({**bundle.manifest, "metadata": known})


def document_of(bundle: ManifestBundle) -> Mapping[str, Any]:
    assert bundle.tickets is not None  # noqa: S101 - the caller has looked
    metadata = {"name": bundle.tickets.name, "namespace": bundle.manifest["metadata"]["namespace"]}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(bundle.tickets.data)}


def tell(notes: Sequence[str]) -> None:
    for note in notes:
        screen(stderr=True).print(printable(note), soft_wrap=True)
