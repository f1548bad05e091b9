"""The tickets of a file whose category is known, and the sample of them that readers are measured with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from nightsort.api.spec import Spec
from nightsort.cli.classification.order import InvalidOrder
from nightsort.cli.classification.reading import TicketFile
from nightsort.cli.evaluation.order import Candidate
from nightsort.domain.correction import categories_of
from nightsort.domain.dependence import digest_of_text
from nightsort.domain.evaluation import FEW
from nightsort.domain.prompt import placeholders
from nightsort.domain.report import plural
from nightsort.domain.request import Encoder
from nightsort.domain.ticket import Ticket
from nightsort.domain.truth import SHOWN_STRANGERS, EvenSample, Truths
from nightsort.formats.columns import UnknownColumns, named
from nightsort.formats.exports import FileTicket, tickets_of
from nightsort.formats.kinds import corrections_path
from nightsort.wiring.classify import Present
from nightsort.wiring.corrections import corrections_of

SHOWN_CATEGORIES = 10
CORRECTIONS = "corrections"
"""The word of --truth for what people have said in a review."""


@dataclass(frozen=True, slots=True)
class KnownTruth:
    """The known categories of a file: `words` say where they are, `of` gives that of a ticket."""

    name: str
    words: str
    of: Callable[[FileTicket], str | None]


@dataclass(frozen=True, slots=True)
class Known:
    """A ticket of the sample. `truths` are its category in each reader's words, in the order of the readers."""

    ticket: Ticket
    truths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """The chosen tickets in the order of the file, and what was seen of the others.

    `known` are all tickets with a known category and a text, by category; `strangers` are values that are no category.
    """

    chosen: Sequence[Known]
    known: Mapping[str, int]
    unknown: int
    without_text: int
    strangers: Mapping[str, int]
    truth: KnownTruth

    @property
    def is_whole(self) -> bool:
        return len(self.chosen) == sum(self.known.values())

    def present(self, spec: Spec) -> Iterator[Present]:
        """The tickets as a comparison takes them, exactly as those of `nightsort classify`."""
        encoder = Encoder(spec, disable_thinking=False)
        names = placeholders(spec.prompt)
        for one in self.chosen:
            fields = {name: text for name, text in one.ticket.fields.items() if name in names}
            yield Present(one.ticket.id, digest_of_text(encoder.text(one.ticket)), fields)

    def texts(self, spec: Spec) -> dict[str, str]:
        """The true category by the text that is sent, for the simulator."""
        encoder = Encoder(spec, disable_thinking=False)
        sent = ((encoder.text(one.ticket), one.truths[0]) for one in self.chosen)
        return {msgspec.json.decode(text, type=str): truth for text, truth in sent if text is not None}


def sample_of(table: TicketFile, column: str, readers: Sequence[Candidate], size: int) -> Sample:
    """Reads the file twice: to see which categories its known tickets have, and for the tickets that are chosen.

    Raises:
        InvalidOrder: there is no such column, the model would read it, or no ticket has a category of all readers.
    """
    given = truth_in(table, column)
    spoken = [Truths(each.spec.categories) for each in readers]
    even = EvenSample(size)
    unknown = without_text = 0
    for ticket in every(table):
        truths = truths_of(ticket, given, spoken)
        if truths is None:
            unknown += 1
        elif not has_text(ticket):
            without_text += 1
        else:
            even.offer(ticket.id, truths[0])
    strangers = together(spoken)
    if not even.known:
        raise InvalidOrder(nothing_known(table, given.words, readers, strangers))
    ids = even.chosen()
    quiet = [Truths(each.spec.categories) for each in readers]
    chosen = [
        Known(Ticket(ticket.id, {"subject": ticket.subject, "body": ticket.body}, ""), truths)
        for ticket in every(table)
        if ticket.id in ids and (truths := truths_of(ticket, given, quiet)) is not None
    ]
    return Sample(chosen, dict(even.known), unknown, without_text, strangers, given)


def truth_in(table: TicketFile, column: str) -> KnownTruth:
    """The column of this name; `corrections` without such a column are what people have said about the file's tickets.

    Raises:
        InvalidOrder: there is no such column, or the model would read it. Stalled: these are no corrections.
    """
    path = table.table.path
    if column == CORRECTIONS and CORRECTIONS not in table.columns.header:
        categories = categories_of(corrections_of(path))
        if not categories:
            raise InvalidOrder(f"{path}: nobody has reviewed its tickets yet: nightsort review {path} does")
        return KnownTruth(CORRECTIONS, str(corrections_path(path)), lambda ticket: categories.get(ticket.id))
    place = place_of(table, column)
    name = table.columns.header[place]
    return KnownTruth(name, f"column {name!r}", lambda ticket: ticket.row.cells[place])


def place_of(table: TicketFile, column: str) -> int:
    columns = table.columns
    try:
        place = named(columns.header, column, "--truth")
    except UnknownColumns as unknown:
        raise InvalidOrder(f"{table.table.path}: {unknown}") from None
    if place in {columns.id, columns.subject, *columns.text}:
        raise InvalidOrder(
            f"{table.table.path}: the column {columns.header[place]!r} is part of what is sent, and the model would "
            "read the answer: name another one with --truth, or the others with --id, --subject, --body"
        )
    return place


def every(table: TicketFile) -> Iterator[FileTicket]:
    return tickets_of(table.table, table.columns, table.reading)


def truths_of(ticket: FileTicket, given: KnownTruth, spoken: Sequence[Truths]) -> tuple[str, ...] | None:
    """The ticket's category in the words of each reader; None where one of them does not have it."""
    found = [each.of(given.of(ticket)) for each in spoken]
    known = tuple(name for name in found if name is not None)
    return known if len(known) == len(found) else None


def has_text(ticket: FileTicket) -> bool:
    return bool(ticket.subject.strip() or ticket.body.strip())


def together(spoken: Sequence[Truths]) -> Counter[str]:
    """Values that one of the readers does not have; readers differ only where their categories do."""
    found: Counter[str] = Counter()
    for each in spoken:
        found |= each.strangers
    return found


def nothing_known(table: TicketFile, where: str, readers: Sequence[Candidate], strangers: Mapping[str, int]) -> str:
    path = table.table.path
    if not strangers:
        return f"{path}: no ticket has a value in {where}, so that nothing can be measured"
    categories = [category.name for category in readers[0].spec.categories]
    return (
        f"{path}: no value of {where} is a category: it has {first_of(strangers)}, and the categories are "
        f"{', '.join(categories[:SHOWN_CATEGORIES])}{', …' if len(categories) > SHOWN_CATEGORIES else ''}. Name the "
        "categories with --categories, or add these words as aliases in a file of categories"
    )


def first_of(strangers: Mapping[str, int]) -> str:
    shown = ", ".join(f"{value!r} ({count:,})" for value, count in list(strangers.items())[:SHOWN_STRANGERS])
    left = len(strangers) - SHOWN_STRANGERS
    return f"{shown} and {left:,} more" if left > 0 else shown


def told(sample: Sample, size: int, spec: Spec) -> Iterator[str]:
    """The sample in sentences: nothing that was left out is left unsaid."""
    known = sum(sample.known.values())
    chosen = plural(len(sample.chosen), "ticket")
    if sample.is_whole:
        yield f"{chosen} with a known category in {sample.truth.words}: all of them are taken"
    else:
        yield (
            f"{known:,} tickets with a known category in {sample.truth.words}: {len(sample.chosen):,} of them are "
            "taken, evenly over the categories"
        )
    if strangers := sum(sample.strangers.values()):
        yield f"{plural(strangers, 'ticket')} left out, since the value is no category: {first_of(sample.strangers)}"
    if empty := sample.unknown - strangers:
        yield f"{plural(empty, 'ticket')} left out, since {'its' if empty == 1 else 'their'} category is not known"
    if sample.without_text:
        yield f"{plural(sample.without_text, 'ticket')} left out, without any text"
    yield from few(sample, size, spec)


def few(sample: Sample, size: int, spec: Spec) -> Iterator[str]:
    """Categories of which the sample says nothing, and the way to more."""
    counts = Counter(one.truths[0] for one in sample.chosen)
    names = [category.name for category in spec.categories]
    rare = [name for name in names if counts[name] < FEW]
    if not rare:
        return
    missing = [name for name in rare if not sample.known.get(name)]
    shown = ", ".join(f"{name} ({counts[name]})" for name in rare[:SHOWN_CATEGORIES])
    more = f" and {len(rare) - SHOWN_CATEGORIES:,} more" if len(rare) > SHOWN_CATEGORIES else ""
    about = plural(len(rare), "category", "categories")
    yield f"too few known tickets (fewer than {FEW}) to say anything about {about}: {shown}{more}"
    reachable = [name for name in rare if sample.known.get(name, 0) > counts[name]]
    if reachable and len(reachable) >= len(rare) - len(missing):
        yield f"--sample {max(size, len(names) * FEW):,} would take up to {FEW} of each"
