"""The display of local mode and `nightsort watch`: a line for each change, and a table at the end.

On a terminal a spinner is shown below the lines; elsewhere there are plain lines and a plain table of any width.
Obstacles are printed to the error output.
"""

from __future__ import annotations

from pathlib import Path

import rich.progress
from rich import box
from rich.table import Table

from nightsort.api.resource import Resource
from nightsort.api.status import Status
from nightsort.cli.output.display import Display, console
from nightsort.cli.output.evaluations import evaluation_lines
from nightsort.cli.output.reviews import review_lines
from nightsort.domain.breakdown import breakdown
from nightsort.domain.conditions import is_finished
from nightsort.domain.printable import printable


class Progress(Display):
    """Shows resources, each change once; used as a context.

    ConfigMaps of results are files below `state`, if it is given. With `keys`, names include their namespaces.
    """

    def __init__(self, state: Path | None = None, *, keys: bool = False) -> None:
        super().__init__(console(), console(stderr=True))
        self._state, self._keys = state, keys
        self._told: dict[str, str] = {}
        self._tasks: dict[str, rich.progress.TaskID] = {}

    def begin(self, resource: Resource) -> None:
        """Reports what an earlier run has left."""
        status, name = resource.status, self.name_of(resource)
        if is_finished(status):
            self.line(
                f"{name}  was finished before, at {status.completion_time:%Y-%m-%d %H:%M:%S} UTC, and is left as it "
                "is. To run it anew, give it another name or name another directory with --state"
            )
        else:
            self.spin(resource)
            if status.batches:
                self.line(f"{name}  goes on where it was")

    def name_of(self, resource: Resource) -> str:
        return resource.meta.key if self._keys else resource.meta.name

    def spin(self, resource: Resource) -> None:
        name = self.name_of(resource)
        self._tasks[name] = self._live.add_task(f"{name}  preparing", total=None)

    def tell(self, resource: Resource, *, trouble: bool = False, note: str = "") -> None:
        """The status in words, with a note behind it."""
        status, name = resource.status, self.name_of(resource)
        message = f"{status.message}{note}" if status.message else ""
        if name in self._tasks and message:
            self._live.update(self._tasks[name], description=printable(f"{name}  {message}"))
        self.once(name, status.phase or "", message, trouble=trouble)

    def event(self, name: str, reason: str, message: str, *, trouble: bool) -> None:
        self.once(name, reason, message, trouble=trouble)

    def once(self, name: str, word: str, message: str, *, trouble: bool = False) -> None:
        """A line, unless it repeats the last one: an event and the status may say the same."""
        if message and self._told.get(name) != message:
            self._told[name] = message
            self.line(f"{name}  {word}: {message}", trouble=trouble)

    def end(self, resource: Resource) -> None:
        """The parts of the tickets, the cost, and the place of the rows."""
        status = resource.status
        tickets = status.tickets
        if tickets.labeled or tickets.unknown or tickets.failed or tickets.reused:
            self._out.print(table_of(self.name_of(resource), status, lines=self._out.is_terminal))
        for what, told in (*evaluation_lines(status), *review_lines(status)):
            self.line(f"{what}  {printable(told)}")
        if status.cost.actual_usd:
            without = (
                f" without {status.cost.unpriced:,} requests whose cost is not known" if status.cost.unpriced else ""
            )
            self.line(
                f"cost ${status.cost.actual_usd}{without}, at the standard price ${status.cost.standard_usd}, "
                f"saved ${status.cost.saved_usd} (prices of {status.cost.prices_of})"
            )
        for name in status.results.config_maps:
            self.line(f"rows are in {self._place(resource, name)}")
        for place in status.results.places():
            self.line(f"rows are in {place}")

    def _place(self, resource: Resource, config_map: str) -> str:
        from nightsort.wiring.services import folder_of_config_map

        if self._state is None:
            return f"ConfigMap {config_map}"
        return str(folder_of_config_map(self._state, resource.meta.namespace, config_map) / file_of(resource))


def file_of(resource: Resource) -> str:
    """The key of the rows in a ConfigMap of results, which is a file here."""
    results = resource.spec.results.config_map
    return f"results.{results.format if results else 'jsonl'}"


def table_of(name: str, status: Status, *, lines: bool) -> Table:
    table = Table(title=name if lines else None, box=box.HEAVY_HEAD if lines else None, pad_edge=lines)
    table.add_column("category", overflow="fold")
    table.add_column("tickets", justify="right")
    table.add_column("share", justify="right")
    for part in breakdown(status):
        table.add_row(printable(part.name), f"{part.tickets:,}", part.share)
    return table
