"""Reviews of runs on this machine."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path

from nightsort.cli.classification.known import known
from nightsort.cli.classification.memory import shown, state_flag
from nightsort.cli.classification.order import STATE_FILE, InvalidOrder
from nightsort.cli.classification.screen import screen
from nightsort.cli.configuration import settings_of
from nightsort.cli.local_runs import manifests
from nightsort.cli.local_runs.cancel import written
from nightsort.cli.local_runs.rows import merged_pages, run_of_manifest
from nightsort.cli.output.exit_codes import BAD_INPUT, fail
from nightsort.cli.reviews.exchange import exchange
from nightsort.cli.reviews.gathering import gathered, gone_of
from nightsort.cli.reviews.order import InvalidWish, Reviewed, Wish, selection_of, with_texts
from nightsort.cli.reviews.run import refuse_no_terminal, review, say
from nightsort.domain.errors import Interruption
from nightsort.domain.prompt import placeholders
from nightsort.domain.second import columns_of
from nightsort.formats.kinds import corrections_of_run, corrections_path
from nightsort.formats.tickets import InvalidFile
from nightsort.wiring import classify as wiring
from nightsort.wiring.corrections import FileCorrections


def review_here(folder: Path, file: Path, wish: Wish, resource: str | None, query: str | None) -> None:
    """The whole command for a file or a manifest; ends the process with a message where it cannot go on.

    `query` reads the tickets of a manifest's database in the place of its own.
    """
    if wish.needs_terminal:
        refuse_no_terminal()
    try:
        if manifests.is_manifest(file):
            asyncio.run(review_manifest(folder, file, wish, resource, query or ""))
            return
        if resource is not None or query is not None:
            fail(f"--resource and --tickets-query are for manifests, and {file} is a file of tickets", BAD_INPUT)
        found = reviewed(folder, file, wish)
        decided = asyncio.run(review(found, wish) if wish.needs_terminal else exchange(found, wish))
        if decided:
            write_labels(folder, file)
    except (InvalidOrder, InvalidFile, InvalidWish) as error:
        fail(str(error), BAD_INPUT)
    except Interruption as interruption:
        fail(interruption.message, BAD_INPUT)


async def review_manifest(folder: Path, file: Path, wish: Wish, resource: str | None, query: str) -> None:
    known, run = await run_of_manifest(folder, file, resource)
    store = FileCorrections(corrections_of_run(file, run.meta.name))
    source = await known.files.source(run, settings_of(), query)
    found = await gathered(run, wish, merged_pages(known, run), source, store)
    decided = await (review if wish.needs_terminal else exchange)(found, wish)
    if decided:
        which = [] if len(known.resources) == 1 else ["--resource", run.meta.name]
        command = shlex.join(["nightsort", "results", shown(file), *which, *state_flag(folder)])
        say(screen(), f"next: {command}  shows what was decided")


def reviewed(folder: Path, file: Path, wish: Wish) -> Reviewed:
    """Raises InvalidOrder, InvalidFile, Interruption: the file was not classified, or cannot be read."""
    with wiring.reading(folder / STATE_FILE) as state:
        found = known(state, file, folder)
        selection = selection_of(wish, columns_of(found.spec))
        for row in found.rows():
            selection.see(row)
    chosen = selection.cases()
    ids = {case.id for case in chosen}
    names = placeholders(found.spec.prompt)
    texts = {
        ticket.id: {name: text for name, text in ticket.fields.items() if name in names}
        for ticket in found.table.tickets()
        if ticket.id in ids
    }
    cases = with_texts(chosen, texts)
    left = [case for case in cases if case.id not in found.corrections]
    gone = len(chosen) - len(cases)
    remarks = (gone_of(gone, is_query=False),) if gone else ()
    store = FileCorrections(corrections_path(file))
    return Reviewed(str(file), found.spec, store, cases, left, selection.left_out, remarks)


def write_labels(folder: Path, file: Path) -> None:
    """Writes the labelled file anew, with what was decided; where that cannot be, tells the command that does it."""
    out = screen()
    try:
        with wiring.opened(folder / STATE_FILE, f"nightsort review {file}") as state:
            found = known(state, file, folder)
            say(out, written(state, found))
    except (InvalidOrder, InvalidFile, Interruption) as error:
        why = error.message if isinstance(error, Interruption) else str(error)
        say(screen(stderr=True), f"the labelled file does not have them yet: {why}")
        return
    say(out, f"next: nightsort evaluate {file} --truth corrections  measures labels by what people have said")
