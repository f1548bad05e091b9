"""`nightsort create`: makes a resource from a manifest, under a dated name; the nightly CronJob runs it.

A night's name is made of its scheduled time, so that a repeated or late try finds what an earlier one has made.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

BAD_INPUT = 2
NOT_NOW = 1
# A CronJob names its Jobs after itself and the minutes from 1970 to the scheduled time (controller v2, since 1.21).
JOB_OF_A_SCHEDULE = re.compile(r".+-(\d{8})")


def add_to(app: typer.Typer) -> None:
    app.command("create")(create)


def create(
    manifest: Annotated[Path, typer.Option("--from", help="A file with one ClassificationBatch.")],
    name_template: Annotated[
        str | None, typer.Option(help="The resource's name; {date} and {time} are filled in. Default: the manifest's.")
    ] = None,
    time_zone: Annotated[str, typer.Option(help="The time zone of {date} and {time}.")] = "UTC",
    namespace: Annotated[
        str | None, typer.Option("--namespace", "-n", help="Default: the manifest's, else default.")
    ] = None,
    job_name: Annotated[
        str, typer.Option(envvar="NIGHTSORT_JOB_NAME", help="The CronJob's Job, whose name tells the scheduled time.")
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only ask the API server whether it would take it.")
    ] = False,
) -> None:
    """Create a ClassificationBatch. If one of that name is there already, nothing happens, and that is a success."""
    import asyncio

    from nightsort.cli.manifests import InvalidManifest
    from nightsort.domain.errors import Interruption, Waiting
    from nightsort.wiring import create_in_cluster

    try:
        named = with_name(read_one(manifest), name_template, scheduled(job_name, time_zone), namespace)
        created = asyncio.run(create_in_cluster(named, dry_run=dry_run))
    except InvalidManifest as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(BAD_INPUT) from None
    except Interruption as interruption:
        typer.echo(interruption.message, err=True)
        raise typer.Exit(NOT_NOW if isinstance(interruption, Waiting) else BAD_INPUT) from None
    done = "created" if created else "is already there"
    typer.echo(f"classificationbatch.nightsort.dev/{named['metadata']['name']} {done}{' (dry run)' if dry_run else ''}")


def scheduled(job_name: str, time_zone: str, now: datetime | None = None) -> datetime:
    """When a CronJob's Job was to run; now for any other name.

    Raises:
        InvalidManifest: there is no such time zone.
    """
    from nightsort.cli.manifests import InvalidManifest

    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidManifest(f"--time-zone: {time_zone} is no time zone") from None
    found = JOB_OF_A_SCHEDULE.fullmatch(job_name)
    moment = datetime.fromtimestamp(int(found[1]) * 60, UTC) if found else now or datetime.now(UTC)
    return moment.astimezone(zone)


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
    """The manifest as it is to be created, checked as far as that can be done here.

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
        raise InvalidManifest("the manifest has no name: give --name-template")
    metadata["namespace"] = namespace or metadata.get("namespace") or "default"
    made = {**manifest, "metadata": metadata}
    try:
        Resource.of(made)
    except InvalidResource as error:
        raise InvalidManifest(str(error)) from None
    return made
