"""Reviews with Label Studio: tickets out, answers in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from nightsort.cli.classification.screen import screen
from nightsort.cli.reviews.order import InvalidWish, Reviewed, Wish, nothing_to_review
from nightsort.cli.reviews.run import say, tell_remarks
from nightsort.domain.correction import newer
from nightsort.domain.report import plural
from nightsort.domain.truth import first_in_words
from nightsort.formats.label_studio import Answers, InvalidTasks, answers, interface, tasks
from nightsort.system.files import read_if_there, write_new

SHOWN_IDS = 5


async def exchange(found: Reviewed, wish: Wish) -> int:
    """Writes the tickets, or takes answers in; returns how many were taken.

    Raises:
        InvalidWish: the file cannot be written, or is no export of Label Studio.
    """
    if wish.exported is not None:
        say(screen(), *export(found, wish, wish.exported))
        tell_remarks(found)
        return 0
    assert wish.imported is not None  # noqa: S101 - one of the two
    return await take_in(found, wish.imported)


def export(found: Reviewed, wish: Wish, path: Path) -> Iterator[str]:
    if not found.cases:
        yield nothing_to_review(found, wish)
        return
    view = path.with_name(f"{path.stem}.interface.xml")
    contents = {path: tasks(found.cases, found.spec.categories), view: interface(found.spec.categories)}
    try:
        write_new({each: text.encode("utf-8", "replace") for each, text in contents.items()}, private=tuple(contents))
    except FileExistsError as there:
        raise InvalidWish(f"{there.filename2} is there already: move it away, or name another file") from None
    except OSError as error:
        raise InvalidWish(f"{path} cannot be written: {error.strerror}") from None
    yield f"{path} has {plural(len(found.cases), 'task')} for Label Studio"
    yield f"{view} is the labelling interface: paste it under Settings, Labeling Interface, Code, before the import"
    yield "next: export the project as JSON, and give the file to --import-label-studio"


async def take_in(found: Reviewed, path: Path) -> int:
    content = read_if_there(path)
    if content is None:
        raise InvalidWish(f"{path}: there is no such file")
    try:
        said = answers(content.decode("utf-8-sig"), found.spec.categories, datetime.now(UTC).replace(microsecond=0))
    except UnicodeDecodeError:
        raise InvalidWish(f"{path}: no UTF-8 text, and so no export of Label Studio") from None
    except InvalidTasks as invalid:
        raise InvalidWish(f"{path}: {invalid}") from None
    if said.strangers:
        shown = first_in_words(said.strangers)
        raise InvalidWish(f"{path}: answers that are no category of {found.name}: {shown}; nothing was taken in")
    before = await found.store.read()
    await found.store.change(newer(said.corrections))
    taken = sum(one.id not in before or before[one.id].at < one.at for one in said.corrections.values())
    say(screen(), *told(said, taken, found))
    return taken


def told(said: Answers, taken: int, found: Reviewed) -> Iterator[str]:
    changed = sum(one.is_change for one in said.corrections.values())
    known = len(said.corrections) - taken
    again = f", {known:,} of them known already or decided later elsewhere" if known else ""
    yield f"{plural(len(said.corrections), 'answer')}{again}; {changed:,} differ from the model"
    if said.differing:
        shown = ", ".join(said.differing[:SHOWN_IDS]) + (
            ", \N{HORIZONTAL ELLIPSIS}" if said.differing[SHOWN_IDS:] else ""
        )
        yield f"{plural(len(said.differing), 'ticket')} left out, about which the annotators differ: {shown}"
    if said.open:
        yield f"{plural(said.open, 'task')} without an answer"
    if taken:
        yield f"kept in {found.store.place}"
