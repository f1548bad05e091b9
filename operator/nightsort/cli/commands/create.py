"""`nightsort create`: makes a resource from a manifest or a file of tickets; the nightly CronJob runs it.

A night's name contains its scheduled time, so that a repeated or late try finds the resource of an earlier one.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from nightsort.cli.cluster.options import ClusterOptions, Context, Kubeconfig, announce
from nightsort.cli.commands.classify import (
    Categories,
    CategoriesFile,
    Confidence,
    Fields,
    Instructions,
    PerTicket,
    Rationale,
)
from nightsort.cli.flags import NOTHING_SAID, InferenceGeo, TicketOptions, with_ticket_flags
from nightsort.cli.output.exit_codes import BAD_INPUT, fail

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nightsort.cli.cluster.manifest_bundle import ManifestBundle
    from nightsort.cli.cluster.tickets import Wishes
    from nightsort.wiring.cluster import Cluster

DryRun = Literal["none", "client", "server"]
# A CronJob names its Jobs after itself and the minutes from 1970 to the scheduled time (controller v2, since 1.21).
JOB_OF_A_SCHEDULE = re.compile(r".+-(\d{8})")
# A pod may be days late, as when its image cannot be pulled. A date at a name's end, read as minutes, is years off.
NEAR = timedelta(days=7)


From = Annotated[
    Path,
    typer.Option(
        "--from", help="A manifest with one ClassificationBatch, or tickets: .csv, .xlsx, .jsonl … (docs/files.md)."
    ),
]
NameTemplate = Annotated[
    str | None,
    typer.Option(
        "--name", "--name-template", help="{date} and {time} are filled in. Default: the manifest's, or the file's."
    ),
]
TimeZone = Annotated[str, typer.Option(help="The time zone of {date} and {time}.")]
OwnNamespace = Annotated[
    str | None, typer.Option("--namespace", "-n", help="Default: the manifest's, else the context's.")
]
Model = Annotated[str | None, typer.Option(help="For tickets: the model that reads them.")]
Fallback = Annotated[
    str | None,
    typer.Option(help="For tickets: the category of those whose answer is none of the categories.", metavar="CATEGORY"),
]
Template = Annotated[str | None, typer.Option(help="For tickets: prompt.template, such as '$body'.")]
MaxCost = Annotated[str | None, typer.Option(help="For tickets: maxCostUSD, such as 5.00.")]
JobName = Annotated[
    str, typer.Option(envvar="NIGHTSORT_JOB_NAME", help="The CronJob's Job, whose name tells the scheduled time.")
]
DryRunFlag = Annotated[
    DryRun,
    typer.Option(
        help="client: make nothing. server (also without a value): the API server checks it, and its price is shown."
    ),
]
OutputForm = Annotated[
    Literal["name", "yaml"], typer.Option("--output", "-o", help="yaml prints the manifests, for Git.")
]


CategorySetName = Annotated[
    str | None,
    typer.Option(help="With tickets: the CategorySet of the namespace instead of categories.", metavar="NAME"),
]


def add_to(app: typer.Typer) -> None:
    app.command("create")(with_ticket_flags(create, without=["strip_quotes"]))


def create(
    source: From,
    name_template: NameTemplate = None,
    time_zone: TimeZone = "UTC",
    namespace: OwnNamespace = None,
    model: Model = None,
    categories: Categories = None,
    categories_file: CategoriesFile = None,
    category_set: CategorySetName = None,
    fallback: Fallback = None,
    instructions: Instructions = None,
    field: Fields = None,
    categories_per_ticket: PerTicket = None,
    confidence: Confidence = False,
    rationale: Rationale = False,
    inference_geo: InferenceGeo = None,
    template: Template = None,
    max_cost: MaxCost = None,
    tickets: TicketOptions = NOTHING_SAID,
    job_name: JobName = "",
    dry_run: DryRunFlag = "none",
    output: OutputForm = "name",
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Create a run from a manifest or from tickets.

    A file of tickets is put into a ConfigMap that belongs to the resource; it may have 1 MiB. The flags about columns,
    separators, encodings, sheets and categories are for such files. A model without a known price, and a file in which
    no ticket has a text, are refused. If the same resource
    is there already, nothing happens, and that is a success; if the name is that
    of another one, with other tickets or categories, it says so and ends with 2.

    With --dry-run=client -o yaml it prints what it would make, to be kept in Git.
    """
    from nightsort.cli.classification.further import FurtherAnswers
    from nightsort.cli.cluster.tickets import Wishes

    further = FurtherAnswers(tuple(field or ()), categories_per_ticket, confidence, rationale)
    wishes = Wishes(
        model,
        tuple(categories or ()),
        template,
        max_cost,
        category_set,
        categories_file,
        fallback,
        instructions,
        further,
        inference_geo,
    )
    moment = scheduled_or_stop(job_name, time_zone)
    options = ClusterOptions(namespace, context, kubeconfig)

    def bundle_in(fallback: str | None) -> ManifestBundle:
        return order_of(source, wishes, name_template, moment, namespace, fallback, tickets)

    if dry_run == "client":
        order, created = bundle_or_fail(bundle_in), True
    else:
        order, created = make(options, bundle_in, dry_run=dry_run == "server", comparing=not job_name)
    if output == "yaml":
        typer.echo(order.as_yaml(), nl=False)
    else:
        done = "created" if created else "is already there"
        announce(order.manifest["metadata"]["name"], f"{done}{'' if dry_run == 'none' else ' (dry run)'}")


def make(
    options: ClusterOptions, bundle_in: Callable[[str | None], ManifestBundle], *, dry_run: bool, comparing: bool
) -> tuple[ManifestBundle, bool]:
    """The bundle, and whether its resource was created by this call; a dry run tells its price."""
    from nightsort.cli.cluster.plan import plan_of

    async def work(cluster: Cluster, namespace: str) -> tuple[ManifestBundle, bool]:
        order = bundle_or_fail(bundle_in, namespace)
        is_new = await order.deliver(cluster, dry_run=dry_run, comparing=comparing)
        if dry_run and is_new:
            for name, value in await plan_of(order, cluster):
                typer.echo(f"{name}: {value}", err=True)
        return order, is_new

    return options.run(work)


def bundle_or_fail(bundle_in: Callable[[str | None], ManifestBundle], namespace: str | None = None) -> ManifestBundle:
    from nightsort.cli.manifests import InvalidManifest

    try:
        return bundle_in(namespace)
    except InvalidManifest as error:
        fail(str(error), BAD_INPUT)


def scheduled_or_stop(job_name: str, time_zone: str) -> datetime:
    from nightsort.cli.manifests import InvalidManifest

    try:
        return scheduled(job_name, time_zone)
    except InvalidManifest as error:
        fail(str(error), BAD_INPUT)


def order_of(
    path: Path,
    wishes: Wishes,
    template: str | None,
    moment: datetime,
    namespace: str | None,
    fallback: str | None,
    tickets: TicketOptions,
) -> ManifestBundle:
    """The bundle from a file. The namespace is the flag's, else the manifest's, else `fallback`, else left open.

    Raises:
        InvalidManifest: this file does not allow it.
    """
    from nightsort.cli.cluster.manifest_bundle import ManifestBundle
    from nightsort.cli.cluster.tickets import is_tickets, manifest_of, with_tickets
    from nightsort.cli.configuration import settings_of
    from nightsort.cli.manifests import InvalidManifest

    if is_tickets(path) or tickets.format is not None:
        made = with_name(manifest_of(path, wishes, settings_of().prices), template, moment, namespace or fallback)
        order = with_tickets(made, path, tickets)
    else:
        if given := [*wishes.given, *tickets.words]:
            raise InvalidManifest(f"{given[0]} is for files of tickets: {path} is a manifest, which says it")
        written = read_one(path)
        own = (written.get("metadata") or {}).get("namespace")
        order = ManifestBundle(with_name(written, template, moment, namespace or own or fallback))
        namespace = namespace or own
    if not namespace and not fallback:
        del order.manifest["metadata"]["namespace"]
    return order


def scheduled(job_name: str, time_zone: str, now: datetime | None = None) -> datetime:
    """The scheduled time of a CronJob's Job; the present time for any other name.

    Raises:
        InvalidManifest: there is no such time zone.
    """
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    from nightsort.cli.manifests import InvalidManifest

    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidManifest(f"--time-zone: {time_zone} is no time zone") from None
    now = now or datetime.now(UTC)
    found = JOB_OF_A_SCHEDULE.fullmatch(job_name)
    moment = datetime.fromtimestamp(int(found[1]) * 60, UTC) if found else now
    return (moment if abs(moment - now) <= NEAR else now).astimezone(zone)


def read_one(path: Path) -> dict[str, Any]:
    """The one ClassificationBatch of a file; it needs no name.

    Raises:
        InvalidManifest: the file is missing, or holds something else.
    """
    from nightsort.api.model import KIND
    from nightsort.cli.manifests import InvalidManifest, documents_of

    documents = [document for _, document in documents_of(path)]
    if [document["kind"] for document in documents] != [KIND]:
        raise InvalidManifest(f"{path}: expected one {KIND} and nothing else")
    return dict(documents[0])


def with_name(
    manifest: Mapping[str, Any], template: str | None, moment: datetime, namespace: str | None
) -> dict[str, Any]:
    """The manifest to be created, checked as far as possible without the cluster.

    Raises:
        InvalidManifest: the template or the resource is wrong.
    """
    from nightsort.api.resource import InvalidResource, Resource
    from nightsort.cli.manifests import InvalidManifest

    metadata = dict(manifest.get("metadata") or {})
    if template:
        try:
            metadata["name"] = template.format(date=f"{moment:%Y-%m-%d}", time=f"{moment:%H%M}")
        except (KeyError, IndexError, ValueError, AttributeError):
            raise InvalidManifest(f"--name-template: {template} may name {{date}} and {{time}} only") from None
    if not metadata.get("name"):
        raise InvalidManifest("the manifest has no name: give --name")
    metadata["namespace"] = namespace or metadata.get("namespace") or "default"
    made = {**manifest, "metadata": metadata}
    try:
        Resource.of(made)
    except InvalidResource as error:
        raise InvalidManifest(str(error)) from None
    return made
