"""`nightsort init`: writes files for the user to continue with, and never overwrites an existing file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nightsort.cli.flags import (
    MODEL,
    NOTHING_SAID,
    ApiUrl,
    MaxCost,
    Model,
    Simulate,
    StateFolder,
    TicketOptions,
    Yes,
    refuse_two_apis,
    with_ticket_flags,
)
from nightsort.cli.output.exit_codes import BAD_INPUT, NOT_COMPLETE, fail

if TYPE_CHECKING:
    from nightsort.cli.skeletons.given import Asked, Given
    from nightsort.cli.skeletons.suggesting import SuggestOrder

CATEGORIES_FILE = "categories.yaml"
SUGGESTED_FILE = "categories.suggested.yaml"
"""No command takes it by itself."""
BATCH, VALUES, SECRET = "batch.yaml", "values.yaml", "secret.yaml"

GivenFile = Annotated[Path, typer.Argument(help="A file of tickets, or a manifest with one ClassificationBatch.")]
Categories = Annotated[
    list[str] | None, typer.Option(help="Names of categories, with commas in between; by default five usual ones.")
]
CategoriesFile = Annotated[
    Path | None,
    typer.Option(help="With --kubernetes: a file that has the categories already, such as categories.yaml."),
]
OutputFile = Annotated[
    Path | None, typer.Option(help="Where the categories go; by default categories.yaml beside the file.")
]
KubernetesFolder = Annotated[
    Path | None,
    typer.Option(
        "--kubernetes", metavar="DIR", help=f"Also write {BATCH}, {VALUES} (of the chart) and {SECRET} into DIR."
    ),
]


Suggest = Annotated[
    bool,
    typer.Option(
        "--suggest-categories",
        help="Ask the model for categories that fit some of the tickets; the price is shown.",
    ),
]


def add_to(app: typer.Typer) -> None:
    app.command("init")(with_ticket_flags(init, without=["strip_quotes"]))


def init(
    file: GivenFile,
    categories: Categories = None,
    categories_file: CategoriesFile = None,
    output: OutputFile = None,
    kubernetes: KubernetesFolder = None,
    model: Model = MODEL,
    tickets: TicketOptions = NOTHING_SAID,
    suggest_categories: Suggest = False,
    yes: Yes = False,
    max_cost: MaxCost = None,
    simulate: Simulate = False,
    state: StateFolder = None,
    api_url: ApiUrl = None,
) -> None:
    """Write a commented categories.yaml for a file of tickets.

    The file is read to its end, and what is wrong with it is said. From a manifest, its categories are written. With
    --kubernetes and --categories-file, only the files for a cluster are written, with these categories.

    With --suggest-categories the model reads 100 tickets, in one request at the standard price, which is shown first.
    Its proposals are written when a person has taken them: at a terminal it asks, and without one they go into
    categories.suggested.yaml, which nothing reads. The same question is not paid for again.

    Exit codes: 0 written, 1 the proposals were not taken, 2 bad input, or a file is there already and nothing is
    written.
    """
    from nightsort.cli.skeletons.given import Asked
    from nightsort.cli.state_folder import state_folder
    from nightsort.cli.worlds import given

    if categories_file is not None and (categories or output or suggest_categories or kubernetes is None):
        fail("--categories-file is for --kubernetes, without --categories and --output", BAD_INPUT)
    asked = Asked(file, tuple(categories or ()), model, tickets, categories_file)
    place = output or file.parent / CATEGORIES_FILE
    if not suggest_categories:
        if flags := given(yes=yes, max_cost=max_cost, simulate=simulate, state=state, api_url=api_url):
            fail(f"{flags[0]} is for --suggest-categories: without it nothing is bought", BAD_INPUT)
        write(asked, None if categories_file else place, kubernetes)
        return
    from nightsort.cli.skeletons.suggesting import SuggestOrder

    refuse_two_apis(simulate=simulate, api_url=api_url)
    order = SuggestOrder(file, state_folder(state), model, yes, max_cost, simulate, api_url)
    suggest(asked, order, place, kubernetes, named=output is not None)


def suggest(asked: Asked, order: SuggestOrder, place: Path, kubernetes: Path | None, *, named: bool) -> None:
    """Asks the model, shows its proposals, and writes them if a person takes them."""
    from dataclasses import replace

    from nightsort.cli.classification.order import InvalidOrder
    from nightsort.cli.classification.reading import opened
    from nightsort.cli.skeletons import suggesting
    from nightsort.cli.skeletons.given import is_manifest
    from nightsort.domain.errors import Interruption
    from nightsort.formats.tickets import InvalidFile

    if asked.categories:
        fail("--categories names them, and --suggest-categories asks the model: give one of them", BAD_INPUT)
    if is_manifest(asked):
        fail(f"--suggest-categories is for files of tickets: {asked.file} is a manifest", BAD_INPUT)
    somebody = sys.stdin.isatty()
    if not somebody and not named:
        if kubernetes is not None:
            fail("without a terminal nobody takes the proposals: leave out --kubernetes, or give --output", BAD_INPUT)
        place = place.with_name(SUGGESTED_FILE)
    refuse_what_is_there(place, kubernetes)
    try:
        proposed = suggesting.suggested(order, opened(asked.file, asked.tickets))
    except (InvalidOrder, InvalidFile) as error:
        fail(str(error), BAD_INPUT)
    except Interruption as interruption:
        fail(interruption.message, BAD_INPUT)
    suggesting.show(proposed)
    if somebody and not suggesting.taken(place):
        fail("nothing was written; the answer is kept: the same command shows it again, and buys nothing", NOT_COMPLETE)
    write(replace(asked, proposed=proposed), place, kubernetes)
    if order.simulated:
        typer.echo("these categories are simulated: for a model's own set ANTHROPIC_API_KEY, and leave out --simulate")
    if place.name == SUGGESTED_FILE:
        typer.echo(f"to take them: mv {place} {place.with_name(CATEGORIES_FILE)}")


def refuse_what_is_there(categories: Path | None, kubernetes: Path | None) -> None:
    for path in (*((categories,) if categories else ()), *folder_of(kubernetes)):
        if path.exists() or path.is_symlink():
            refuse_taken(path)


def folder_of(kubernetes: Path | None) -> list[Path]:
    return [kubernetes / name for name in (BATCH, VALUES, SECRET)] if kubernetes is not None else []


def write(asked: Asked, categories: Path | None, kubernetes: Path | None) -> None:
    """Reads the input, writes all files, and prints the findings, the written files, and the next command."""
    from nightsort.cli.classification.order import InvalidOrder
    from nightsort.cli.manifests import InvalidManifest
    from nightsort.cli.skeletons.given import given
    from nightsort.formats.tickets import InvalidFile
    from nightsort.system.files import write_new

    folder = folder_of(kubernetes)
    refuse_what_is_there(categories, kubernetes)
    if categories and categories.absolute() in {path.absolute() for path in folder}:
        fail(f"{categories} would be two files: name another one with --output", BAD_INPUT)
    try:
        found = given(asked)
        texts = dict(texts_of(asked, found, categories, kubernetes))
        write_new({path: text.encode() for path, text in texts.items()}, private=folder[-1:])
    except (InvalidOrder, InvalidManifest, InvalidFile) as error:
        fail(str(error), BAD_INPUT)
    except FileExistsError as error:
        refuse_taken(error.filename2 or error.filename)
    except OSError as error:
        fail(
            f"cannot write {place_of(error) or categories or kubernetes}: {error.strerror}; nothing was written",
            BAD_INPUT,
        )
    tell(asked, found, categories, tuple(texts))


def texts_of(
    asked: Asked, found: Given, categories: Path | None, kubernetes: Path | None
) -> Iterator[tuple[Path, str]]:
    from nightsort.cli.skeletons.categories import categories_file
    from nightsort.cli.skeletons.given import next_command
    from nightsort.cli.skeletons.kubernetes import batch_file, secrets_file, values_file

    if categories is not None:
        yield categories, categories_file(found.parsed, found.of, next_command(asked, found, categories))
    if kubernetes is not None:
        to_fill_in = not found.is_manifest
        yield kubernetes / BATCH, batch_file(found.metadata, found.spec, to_fill_in=to_fill_in)
        yield kubernetes / VALUES, values_file(found.metadata, found.spec, to_fill_in=to_fill_in)
        if secrets := secrets_file(found.metadata, found.parsed):
            yield kubernetes / SECRET, secrets


def place_of(error: OSError) -> Path | None:
    """The path that the user knows: the folder, instead of a temporary file in it."""
    place = error.filename2 or error.filename
    return place and (Path(place).parent if str(place).endswith(".part") else Path(place))


def refuse_taken(path: object) -> None:
    fail(f"{path} is there already, and nothing was written: move it away, or name another place", BAD_INPUT)


def tell(asked: Asked, found: Given, categories: Path | None, written: tuple[Path, ...]) -> None:
    from nightsort.cli.skeletons.given import next_command
    from nightsort.domain.printable import printable

    names = ", ".join(category.name for category in found.parsed.categories)
    lines = [*found.told, f"categories: {names}", f"written: {', '.join(map(str, written))}"]
    of_cluster = [path for path in written if path != categories]
    if of_cluster and of_cluster[-1].name == SECRET:
        made_up = "" if found.is_manifest else f", and source and results in {of_cluster[0]} and {of_cluster[1]}"
        lines.append(f"to fill in: what is empty in {of_cluster[-1]}{made_up}")
    if categories is not None:
        lines.append(f"next: say in {categories} what belongs into each, then {next_command(asked, found, categories)}")
    else:
        lines.append(f"next: kubectl nightsort create --from {of_cluster[0]} --dry-run=server")
    for line in lines:
        typer.echo(printable(line))
