"""The flags with which a file was classified last, for the commands that come after it."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from nightsort.cli.classification.further import NOTHING_MORE, FurtherAnswers
from nightsort.cli.classification.order import Order
from nightsort.cli.flags import MODEL, TicketOptions
from nightsort.cli.state_folder import FORMER, STATE
from nightsort.wiring import classify as wiring


def keep(state: wiring.State, order: Order) -> None:
    """Remembers what the flags of `nightsort classify` said of the file; no address, no limit, no consent."""
    words = {
        "categories": list(order.categories),
        "categoriesFile": absolute(order.categories_file),
        "model": order.model,
        "instructions": order.instructions,
        "further": order.further.to_keep(),
        "inferenceGeo": order.inference_geo,
        "output": absolute(order.output),
        "tickets": asdict(order.tickets),
    }
    wiring.keep_order(state, str(order.file.absolute()), json.dumps(words), simulated=order.is_simulated)


def absolute(path: Path | None) -> str | None:
    return None if path is None else str(path.absolute())


def remembered(state: wiring.State, file: Path, folder: Path, *, simulated: bool = False) -> Order | None:
    """The order that was given for a file last; None where there was none, or an earlier version took it."""
    words = wiring.last_order(state, str(file.absolute()), simulated=simulated)
    return None if words is None else parsed(json.loads(words), file, folder, simulated=simulated)


def parsed(words: Mapping[str, Any], file: Path, folder: Path, *, simulated: bool) -> Order:
    order = Order(
        file=file,
        categories=tuple(words["categories"]),
        categories_file=path_of(words["categoriesFile"]),
        model=words["model"],
        instructions=words["instructions"],
        further=FurtherAnswers.kept(words["further"]) if "further" in words else NOTHING_MORE,
        inference_geo=words.get("inferenceGeo"),
        output=path_of(words["output"]),
        simulated=1.0 if simulated else None,
        state=folder,
        tickets=TicketOptions(**words["tickets"]),
    )
    # A state may come from somebody else, with a repository: it does not say where on this machine files are written.
    near = order.output is None or any(
        order.output.is_relative_to(place) for place in (Path.cwd(), file.absolute().parent)
    )
    return order if near else replace(order, output=None)


def path_of(word: str | None) -> Path | None:
    return None if word is None else Path(word)


def command_of(order: Order) -> str:
    """The command that goes on with a file."""
    values = {
        "--categories": ",".join(order.categories),
        "--categories-file": shown(order.categories_file) if order.categories_file else "",
        "--model": order.model if order.model != MODEL else "",
        "--instructions": order.instructions or "",
        "--inference-geo": order.inference_geo or "",
        "--output": shown(order.output) if order.output else "",
    }
    words = [word for flag, value in values.items() if value for word in (flag, value)]
    simulate = ["--simulate"] if order.is_simulated else []
    return shlex.join(
        [
            "nightsort",
            "classify",
            shown(order.file),
            *order.tickets.words,
            *words,
            *order.further.words,
            *state_flag(order.state),
            *simulate,
        ]
    )


def state_flag(folder: Path) -> list[str]:
    """The flag that names the directory of a state, where it is not the usual one."""
    return [] if folder in (STATE, FORMER) else ["--state", shown(folder)]


def shown(path: Path) -> str:
    """A path as people type it: from the working directory, if it is in it."""
    absolute = path.absolute()
    here = Path.cwd()
    return os.path.relpath(absolute, here) if absolute.is_relative_to(here) else str(absolute)
