"""The page of a file's or a run's labels, from top to bottom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from nightsort.domain.answer import Verdict
from nightsort.domain.breakdown import REUSED, parts_of
from nightsort.domain.field_counts import by_branch
from nightsort.domain.prompt import system_prompt
from nightsort.domain.report import minute, plural
from nightsort.report.charts import bar
from nightsort.report.checked import evaluation_section, review_section
from nightsort.report.document import document
from nightsort.report.figures import NO_VALUE, OTHER_VERDICTS, Report, meaning, reason_of
from nightsort.report.markup import Markup, tag, together
from nightsort.report.money import money_section
from nightsort.report.tables import body_of, heading_row, name_cell, number_cell, numbers_row

KNOWN_VERDICTS = frozenset(Verdict)


def page_of(report: Report) -> str:
    """One HTML document, whole."""
    title = f"Labels of {report.file}"
    sections = (
        categories_section(report),
        *branches_section(report),
        *(field_section(name, values) for name, values in report.fields.items()),
        verdicts_section(report),
        *([evaluation_section(report.evaluation, report.spec)] if report.evaluation is not None else []),
        *review_sections(report),
        money_section(report.runs),
        unusable_section(report),
        samples_section(report),
        settings_section(report),
    )
    return document(title, header(report, title), tag("main", *sections), footer(report))


def header(report: Report, title: str) -> Markup:
    about = f"{plural(report.total, 'ticket')}, sorted by {report.spec.model}; as of {minute(report.made_at)}"
    told = [tag("h1", title), tag("p", about)]
    told += (tag("p", note, class_="warning") for note in report.notes)
    if report.simulated:
        told.append(tag("p", "These labels and costs are simulated: no model has read a ticket.", class_="warning"))
    return tag("header", *told)


def footer(report: Report) -> Markup:
    texts = "It shows what tickets say." if report.with_text else "It has no ticket's text."
    return tag("footer", tag("p", f"Made by nightsort. This page loads nothing from anywhere. {texts}"))


def categories_section(report: Report) -> Markup:
    named = sorted(report.categories.items(), key=lambda one: -one[1])
    rows = rows_with_bars(named, list(report.without.items()))
    return section("Categories", body_of(heading_row("category", "tickets", "share", "chart"), rows, total_row(report)))


def rows_with_bars(named: Sequence[tuple[str, int]], without: Sequence[tuple[str, int]]) -> list[Markup]:
    """A row for each name with its tickets; the bars of those without a name of the user's have another colour."""
    parts = parts_of([*named, *without])
    most = max((part.tickets for part in parts), default=0)
    return [
        tag(
            "tr",
            name_cell(part.name),
            number_cell(f"{part.tickets:,}"),
            number_cell(part.share),
            tag("td", bar(part.tickets, most, odd=place >= len(named)), class_="chart"),
        )
        for place, part in enumerate(parts)
    ]


def branches_section(report: Report) -> Sequence[Markup]:
    """The tickets under each branch of a tree of categories; nothing where no category has a slash in its name."""
    rows = []
    for name, tickets in sorted(by_branch(report.categories).items(), key=lambda branch: -branch[1]):
        [part, _] = parts_of([(name, tickets), ("", report.total - tickets)])
        rows.append(tag("tr", name_cell(name), number_cell(f"{tickets:,}"), number_cell(part.share)))
    head = heading_row("with all below it", "tickets", "share")
    return [section("Branches", body_of(head, rows, None))] if rows else []


def field_section(name: str, values: Mapping[str, int]) -> Markup:
    """The values of a further field; shares are of the answers, of which a ticket may have several."""
    named = [(value, tickets) for value, tickets in values.items() if value != NO_VALUE]
    rows = rows_with_bars(named, [(NO_VALUE, values[NO_VALUE])] if NO_VALUE in values else [])
    total = numbers_row("total", tickets=f"{sum(values.values()):,}", share="100.0%")
    return section(f"Field {name}", body_of(heading_row("value", "answers", "share", "chart"), rows, total))


def review_sections(report: Report) -> Sequence[Markup]:
    told, asked = report.review, report.spec.review
    return [review_section(told, asked.model)] if told is not None and asked is not None else []


def verdicts_section(report: Report) -> Markup:
    rows = [
        tag(
            "tr",
            name_cell(part.name),
            number_cell(f"{part.tickets:,}"),
            number_cell(part.share),
            tag("td", in_words(part.name)),
        )
        for part in parts_of(list(report.verdicts.items()))
    ]
    return section(
        "Verdicts", body_of(heading_row("verdict", "tickets", "share", "meaning"), rows, total_row(report, "meaning"))
    )


def total_row(report: Report, last: str = "chart") -> Markup:
    return numbers_row("total", last, tickets=f"{report.total:,}", share="100.0%" if report.total else "0.0%")


def in_words(name: str) -> str:
    verdict = name.split(",")[0]
    if name == OTHER_VERDICTS:
        return "no usable answer; the rows say why"
    if name == REUSED:
        return "not asked about: the row of an earlier run stands"
    return meaning(Verdict(verdict)) if verdict in KNOWN_VERDICTS else "without an answer so far"


def unusable_section(report: Report) -> Markup:
    if not report.all_unusable:
        return section("Tickets without a category", tag("p", "Every ticket that was asked about has its category."))
    rows = [
        tag(
            "tr",
            name_cell(one.id),
            tag("td", one.verdict.value, class_="word"),
            tag("td", reason_of(one, with_text=report.with_text)),
        )
        for one in report.unusable
    ]
    head = tag("tr", *(tag("th", name, scope="col") for name in ("id", "verdict", "reason")))
    if not report.unusable:
        return section(
            "Tickets without a category", tag("p", f"{plural(report.all_unusable, 'ticket')}: {report.whole}.")
        )
    left = report.all_unusable - len(report.unusable)
    more = [tag("p", f"And {left:,} more: {report.whole}.", class_="quiet")] if left else []
    return section("Tickets without a category", body_of(head, rows, None), *more)


def samples_section(report: Report) -> Markup:
    if not any(report.samples.values()):
        why = f"None is shown: {report.whole}." if any(report.categories.values()) else "No ticket has a category."
        return section("Samples", tag("p", why, class_="quiet"))
    told = "The first tickets of each category"
    hint = "." if report.with_text else f", by their ids{report.texts}."
    lists = [
        together(tag("h3", category), tag("ul", *(sample_item(one.id, one.text) for one in samples)))
        for category, samples in report.samples.items()
        if samples
    ]
    return section("Samples", tag("p", told + hint, class_="quiet"), *lists)


def sample_item(ticket: str, text: str | None) -> Markup:
    return tag("li", ticket) if text is None else tag("li", ticket, tag("pre", text))


def settings_section(report: Report) -> Markup:
    spec = report.spec
    unknown = spec.unknown_label
    pairs = [
        *report.about,
        ("model", spec.model),
        ("categories", ", ".join(category.name for category in spec.categories)),
        ("an answer that is no category", unknown.action + (f": {unknown.category}" if unknown.category else "")),
        ("most characters of a text", f"{spec.prompt.max_body_chars:,}"),
        ("most tokens of an answer", f"{spec.prompt.max_tokens:,}"),
    ]
    listed = tag("dl", *definitions(pairs))
    return section(
        "Settings and prompt",
        listed,
        tag("h3", "What the model is told"),
        tag("pre", system_prompt(spec)),
        tag("h3", "What it is given of each ticket"),
        tag("pre", spec.prompt.template),
    )


def definitions(pairs: Sequence[tuple[str, str]]) -> Iterator[Markup]:
    for term, what in pairs:
        yield tag("dt", term)
        yield tag("dd", what)


def section(title: str, *inside: str) -> Markup:
    return tag("section", tag("h2", title), *inside)
