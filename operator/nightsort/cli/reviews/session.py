"""A review: one ticket after the other, each decision kept before the next ticket is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from nightsort.api.categories import spelled
from nightsort.cli.reviews import keys
from nightsort.domain.case import Case
from nightsort.domain.correction import Correction, Corrections, Edit
from nightsort.domain.errors import Interruption
from nightsort.ports import CorrectionStore

NUMBERED = 9
"""Categories that a single figure names."""


@dataclass(frozen=True, slots=True)
class Step:
    """What was done with a ticket: `made` is None where it was passed over."""

    place: int
    made: Correction | None


@dataclass(slots=True)
class Session:
    """`cases` are the tickets to decide, `before` the number of those that were decided in former sessions.

    `by` is the name of the person, `clock` tells the time.
    """

    cases: Sequence[Case]
    categories: Sequence[str]
    store: CorrectionStore
    by: str
    clock: Callable[[], datetime]
    before: int = 0
    place: int = 0
    search: str = ""
    scrolled: int = 0
    told: str = ""
    """What the last key has done, in a sentence."""
    is_over: bool = False
    steps: list[Step] = field(default_factory=list)

    @property
    def case(self) -> Case | None:
        """The ticket on the screen; None behind the last one."""
        return self.cases[self.place] if self.place < len(self.cases) else None

    @property
    def decided(self) -> list[Correction]:
        """The decisions of this session."""
        return [step.made for step in self.steps if step.made is not None]

    @property
    def skipped(self) -> int:
        return sum(step.made is None for step in self.steps)

    def offered(self) -> list[str]:
        """The categories that the search leaves, the best first; all in their order without one."""
        wanted = spelled(self.search)
        if not wanted:
            return list(self.categories)
        ranked = [(rank(spelled(name), wanted), place, name) for place, name in enumerate(self.categories)]
        return [name for found, _, name in sorted(ranked) if found < NOWHERE]

    async def press(self, key: str) -> None:
        """Does what a key says."""
        self.told = ""
        match key:
            case keys.INTERRUPT | keys.END:
                self.is_over = True
            case keys.ESCAPE:
                self.is_over, self.search = not self.search, ""
            case keys.LEFT | keys.UNDO:
                await self._back()
            case keys.RIGHT | keys.TAB:
                self._skip()
            case keys.UP | keys.PAGE_UP | keys.DOWN | keys.PAGE_DOWN:
                pages = {keys.UP: -1, keys.DOWN: 1, keys.PAGE_UP: -10, keys.PAGE_DOWN: 10}
                self.scrolled = max(self.scrolled + pages[key], 0)
            case keys.BACKSPACE:
                self.search = self.search[:-1]
            case keys.ENTER:
                await self._accept()
            case _ if key.isdecimal() and key.isascii():
                await self._choose(int(key))
            case _ if len(key) == 1 and key.isprintable() and self.case is not None:
                self.search += key

    async def _accept(self) -> None:
        if self.case is None:
            self.is_over = True
        elif self.search:
            await self._choose(1)
        elif self.case.answer is None:
            self.told = "the model gave no category: press the number of one, or type a part of its name"
        else:
            await self._decide(self.case, self.case.answer)

    async def _choose(self, number: int) -> None:
        offered = self.offered()[:NUMBERED]
        if self.case is None:
            return
        if not 1 <= number <= len(offered):
            self.told = f"there is no category {number}" if offered else f"no category has {self.search!r} in its name"
            return
        await self._decide(self.case, offered[number - 1])

    async def _decide(self, case: Case, category: str) -> None:
        made = Correction(case.id, category, case.answer, self.by, self.clock(), case.fields)
        theirs: list[Correction] = []

        def edit(now: Corrections) -> Mapping[str, Correction | None]:
            theirs[:] = [now[case.id]] if case.id in now else []
            return {} if theirs else {case.id: made}

        if not await self._kept(edit):
            return
        if theirs:
            self.told = f"{case.id}: {theirs[0].by} has decided meanwhile: {theirs[0].category}"
            self._go_on(None)
        else:
            self.told = f"{case.id}: {category}"
            self._go_on(made)

    async def _kept(self, edit: Edit) -> bool:
        try:
            await self.store.change(edit)
        except Interruption as interruption:
            self.told = f"not kept: {interruption.message}"
            return False
        return True

    def _go_on(self, made: Correction | None) -> None:
        self.steps.append(Step(self.place, made))
        self._show(self.place + 1)

    def _skip(self) -> None:
        if self.case is not None:
            self.told = f"{self.case.id}: skipped"
            self._go_on(None)

    async def _back(self) -> None:
        """Takes the last step back, with its decision; not what somebody else has decided since."""
        if not self.steps:
            self.told = "there is nothing to take back"
            return
        last = self.steps[-1]
        if last.made is not None:
            mine = last.made

            def edit(now: Corrections) -> Mapping[str, Correction | None]:
                return {mine.id: None} if now.get(mine.id) == mine else {}

            if not await self._kept(edit):
                return
            self.told = f"{mine.id}: {mine.category} taken back"
        self.steps.pop()
        self._show(last.place)

    def _show(self, place: int) -> None:
        self.place, self.search, self.scrolled = place, "", 0


NOWHERE = 4


def rank(name: str, wanted: str) -> int:
    """How well a name fits a search: from its beginning, from that of a word, anywhere, or letter by letter."""
    if name.startswith(wanted):
        return 0
    words = name.replace("_", " ").replace("-", " ").replace("/", " ").split()
    if any(word.startswith(wanted) for word in words):
        return 1
    if wanted in name:
        return 2
    rest = iter(name)
    return 3 if all(letter in rest for letter in wanted) else NOWHERE
