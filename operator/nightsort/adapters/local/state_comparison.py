"""Compares the tickets of a file with the state: answered, in progress, or to be sent.

The file's tickets are kept in a temporary table, so that a hundred thousand of them take no memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from uuid import uuid4

import msgspec

from nightsort.adapters.local.state import State, now
from nightsort.adapters.local.state_ledger import NAMESPACE, StateLedger
from nightsort.adapters.local.state_rows import HAS_SAME, HAS_VALUES
from nightsort.adapters.local.state_tickets import StateTickets
from nightsort.api.resource import Meta, Resource
from nightsort.api.spec import Spec
from nightsort.domain.choice import ALL, Choice
from nightsort.domain.fields import Value

CHUNK = 1000
NOBODYS: Mapping[str, str] = {}
INSERT = "INSERT INTO temp.present (position, id, text, corrected) VALUES (?, ?, ?, ?)"
INSERT_FIELDS = "INSERT INTO temp.present_fields VALUES (?, ?)"
PRESENT = """
CREATE TEMP TABLE IF NOT EXISTS present (
    position INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    text BLOB NOT NULL,
    corrected TEXT,
    standing TEXT,
    fresh INTEGER
)
"""
PRESENT_FIELDS = """
CREATE TEMP TABLE IF NOT EXISTS present_fields (position INTEGER PRIMARY KEY, fields BLOB NOT NULL)
"""
"""A table of its own, so that the changes of a ticket's standing do not write its text again."""
# The first that applies. What a person has said counts whatever the text and the settings are. A canceled
# ticket has no answer, and was not paid: it needs no retry. An answer counts only
# for the same ticket, the same text and the same settings, from whatever file; changes are only reported for the same
# file, since another one may number its tickets in the same way.
STANDING = """
UPDATE temp.present AS p SET standing = CASE
    WHEN EXISTS (SELECT 1 FROM run_tickets t WHERE t.id = p.id AND t.text = p.text AND t.settings = :settings)
        THEN 'under way'
    WHEN p.corrected IS NOT NULL THEN 'corrected'
    WHEN EXISTS (SELECT 1 FROM labels l WHERE l.id = p.id AND l.text = p.text AND l.settings = :settings
                 AND (l.category IS NOT NULL OR l.verdict = 'Unsendable' OR l.verdict <> 'Canceled'
                      AND NOT (:retry AND (:verdicts = '[]' OR l.verdict IN (SELECT value FROM json_each(:verdicts))))))
        THEN 'answered'
    WHEN EXISTS (SELECT 1 FROM labels l WHERE l.id = p.id AND l.text = p.text AND l.settings = :settings
                 AND l.verdict = 'Canceled') THEN 'canceled'
    WHEN EXISTS (SELECT 1 FROM labels l WHERE l.id = p.id AND l.text = p.text AND l.settings = :settings) THEN 'retried'
    WHEN EXISTS (SELECT 1 FROM labels l WHERE l.id = p.id AND l.settings = :settings AND l.file = :file)
        THEN 'other text'
    WHEN EXISTS (SELECT 1 FROM labels l JOIN settings s ON s.digest = l.settings AND s.file = l.file
                 WHERE l.id = p.id AND l.file = :file AND s.simulated = :simulated) THEN 'other settings'
    ELSE 'new' END
"""
FRESH = "UPDATE temp.present SET fresh = standing NOT IN ('under way', 'answered', 'corrected')"
LATER = """
UPDATE temp.present SET fresh = 0, standing = 'later' WHERE fresh AND position >= :most
"""
# What else a retry leaves alone.
LEFT = """
UPDATE temp.present SET fresh = 0, standing = 'later'
WHERE fresh AND standing NOT IN (SELECT value FROM json_each(:kept))
"""
TICKETS = """
INSERT INTO run_tickets SELECT :run, position, id, text, :settings, fields
FROM temp.present JOIN temp.present_fields USING (position) WHERE fresh ORDER BY position
"""
# The first ticket that is found is enough: a run mostly has all of them.
HAS_SOME = """
SELECT 1 FROM temp.present p CROSS JOIN run_tickets t INDEXED BY run_tickets_by_id
WHERE t.id = p.id AND t.run = :run AND t.text = p.text AND t.settings = :settings LIMIT 1
"""
LABELS = """
SELECT p.position, p.id, l.category, l.verdict, l.reason, l.model, l.batch_id, l.classified_at,
       l.input_tokens, l.output_tokens, {answers}, {same_as}
FROM temp.present p LEFT JOIN labels l ON l.id = p.id AND l.text = p.text AND l.settings = :settings {values} {same}
WHERE p.position > :done ORDER BY p.position LIMIT :most
"""


VALUES = "LEFT JOIN label_values v ON v.id = l.id AND v.text = l.text AND v.settings = l.settings"
SAME = "LEFT JOIN label_same_as s ON s.id = l.id AND s.text = l.text AND s.settings = l.settings"


def labels_of(state: State) -> str:
    """The statement that reads labels, with answers to fields and tickets of the same text where the state has any."""
    has, same = state.rows(HAS_VALUES), state.rows(HAS_SAME)
    return LABELS.format(
        answers="v.answers" if has else "NULL",
        values=VALUES if has else "",
        same_as="s.same_as" if same else "NULL",
        same=SAME if same else "",
    )


class Present(msgspec.Struct, frozen=True, gc=False):
    """A ticket of the file: a digest of its text as it is sent, and the fields of which it is made."""

    id: str
    text: bytes
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about a file, named by its absolute path; `settings` is the digest of the settings."""

    file: str
    settings: bytes
    simulated: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """Tickets of the file by their next step; all of them together are the file's."""

    answered: int = 0
    corrected: int = 0
    under_way: int = 0
    retried: int = 0
    canceled: int = 0
    other_text: int = 0
    other_settings: int = 0
    new: int = 0
    later: int = 0

    @property
    def fresh(self) -> int:
        """Tickets to be sent now."""
        return self.retried + self.canceled + self.other_text + self.other_settings + self.new

    @property
    def total(self) -> int:
        return self.fresh + self.answered + self.corrected + self.under_way + self.later


class Label(msgspec.Struct, frozen=True, gc=False):
    """The outcome of a ticket of the file; without a verdict it was not sent."""

    id: str
    category: str | None
    verdict: str | None
    reason: str
    model: str
    batch_id: str | None
    classified_at: str | None
    input_tokens: int
    output_tokens: int
    values: tuple[Value, ...] = ()
    """The answers to the fields of the spec, in their order."""
    same_as: str | None = None
    """The ticket that was asked about, where this one has the same text."""


class Comparison:
    """The tickets of one file under one set of settings, whose digest is `settings`. `file` is its name.

    Those of simulated runs have a digest of their own, so that their labels count for no other run.
    """

    def __init__(self, state: State, settings: bytes, file: str, *, simulated: bool = False) -> None:
        self._state, self._settings, self._file, self._simulated = state, settings, file, simulated

    @property
    def asked(self) -> Asked:
        return Asked(self._file, self._settings, self._simulated)

    def take(self, tickets: Iterable[Present], choice: Choice = ALL, corrected: Mapping[str, str] = NOBODYS) -> Counts:
        """Reads the tickets once, in their order, and counts their states.

        `corrected` are the categories that people have given, by ticket: nothing is asked about these.
        """
        self._state.rows(PRESENT)
        self._state.rows(PRESENT_FIELDS)
        encode, numbered = msgspec.json.Encoder().encode, enumerate(tickets)
        known = {"settings": self._settings, "file": self._file, "simulated": self._simulated}
        with self._state.transaction() as connection:
            connection.execute("DELETE FROM temp.present")
            connection.execute("DELETE FROM temp.present_fields")
            while chunk := list(islice(numbered, CHUNK)):
                rows = [(place, each.id, each.text, corrected.get(each.id)) for place, each in chunk]
                connection.executemany(INSERT, rows)
                connection.executemany(INSERT_FIELDS, [(place, encode(dict(each.fields))) for place, each in chunk])
            verdicts = json.dumps(sorted(choice.verdicts))
            connection.execute(STANDING, {**known, "retry": choice.retry, "verdicts": verdicts})
            connection.execute(FRESH)
            if choice.only_retry:
                connection.execute(LEFT, {"kept": json.dumps(choice.kept)})
            if choice.limit is not None:
                connection.execute(LATER, {"most": choice.limit})
        found = dict(self._state.rows("SELECT standing, count(*) FROM temp.present GROUP BY standing"))
        return Counts(**{standing.replace(" ", "_"): count for standing, count in found.items()})

    def source(self) -> StateTickets:
        """The tickets to be sent."""
        return StateTickets.to_be_asked(self._state)

    def begin(self, name: str, spec: Spec) -> Resource:
        """Makes a run of them, durably. Nothing was bought for it yet."""
        meta = Meta(NAMESPACE, name, uuid4().hex)
        with self._state.transaction() as connection:
            run = StateLedger(self._state).add(meta, spec, self._file, simulated=self._simulated)
            connection.execute(TICKETS, {"run": meta.uid, "settings": self._settings})
        return run

    def under_way(self) -> list[Resource]:
        """The unfinished runs with some of the file's tickets."""
        unfinished = StateLedger(self._state).all_unfinished()
        return [
            run for run in unfinished if self._state.rows(HAS_SOME, {"run": run.meta.uid, "settings": self._settings})
        ]

    def labels(self) -> Iterator[Label]:
        """One for each ticket of the file, in its order."""
        done, statement = -1, labels_of(self._state)
        while chunk := self._state.rows(statement, {"settings": self._settings, "done": done, "most": CHUNK}):
            for _, ticket_id, category, verdict, reason, model, batch_id, at, inputs, outputs, answers, same in chunk:
                said = (reason or "", model or "", batch_id, at, inputs or 0, outputs or 0)
                yield Label(ticket_id, category, verdict, *said, tuple(json.loads(answers)) if answers else (), same)
            done = chunk[-1][0]

    def former_settings(self) -> Mapping[str, object] | None:
        """The other settings that were used last, if there were any."""
        found = self._state.rows(
            "SELECT settings FROM settings WHERE digest <> ? AND file = ? AND simulated = ? "
            "ORDER BY used_at DESC LIMIT 1",
            (self._settings, self._file, self._simulated),
        )
        return json.loads(found[0][0]) if found else None

    def keep_settings(self, settings: str) -> None:
        """Remembers the settings of this digest."""
        self._state.rows(
            "INSERT INTO settings VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET used_at = excluded.used_at",
            (self._settings, self._file, settings, self._simulated, now()),
        )
