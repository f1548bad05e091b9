"""The text that a person wrote in a mail, without the quoted mails below it.

Rules of the common mail programs rather than a parser: a line that introduces a quote, and lines marked with
`>`. Where a rule would leave nothing, the text stays as it is: an answer below the quote, or a forwarded mail.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

MOST_LINE_CHARS = 400
"""Length of a line that may introduce a quote; longer lines are somebody's text."""
INTRODUCTIONS = (
    re.compile(
        r"(?<!-)-{2,}+\s?(original (message|appointment)|forwarded message|ursprüngliche nachricht|"
        r"weitergeleitete nachricht|message d'origine|message transféré|mensaje original|mensagem original|"
        r"messaggio originale|oorspronkelijk bericht)\s?-{2,}",
        re.IGNORECASE,
    ),
    re.compile(r"begin forwarded message:|anfang der weitergeleiteten nachricht:", re.IGNORECASE),
    re.compile(r"##-? ?please (type|do not write).{0,80}", re.IGNORECASE),
)
# `On Mon, 3 Aug 2026, Ann <ann@example.com> wrote:` in the languages of the common mail programs.
WHEN = re.compile(r"(?:on|am|le|el|il|op|em|den|på)\s", re.IGNORECASE)
WROTE = re.compile(
    r"\b(?:wrote|a écrit|escribió|ha scritto|escreveu|skrev)\s?:\Z|\b(?:schrieb|schreef)\b[^:]*:\Z", re.IGNORECASE
)
FIELD = re.compile(
    r"\*?(from|sent|date|to|cc|subject|von|gesendet|datum|an|betreff|de|envoyé|à|objet|enviado|para|asunto|da|"
    r"inviato|a|oggetto|van|verzonden|aan|onderwerp)\s?:\*?\s",
    re.IGNORECASE,
)
LEAST_FIELDS = 3
RULE = re.compile(r"[_-]{5,}")


def without_history(text: str) -> str:
    """The text before the first quoted mail, without quoted lines; all of it where nothing would be left."""
    lines = text.splitlines()
    kept = [line for line in lines[: first_quoted(lines)] if not line.lstrip().startswith(">")]
    own = "\n".join(kept).strip()
    return own if own and len(kept) < len(lines) else text


def first_quoted(lines: Sequence[str]) -> int:
    """The number of the first line of a quoted mail; the number of lines where there is none."""
    for number, line in enumerate(lines):
        if introduces(line.strip(), lines, number):
            return number
    return len(lines)


def introduces(line: str, lines: Sequence[str], number: int) -> bool:
    if not line or len(line) > MOST_LINE_CHARS:
        return False
    if any(pattern.fullmatch(line) for pattern in INTRODUCTIONS) or is_wrote(line, lines, number):
        return True
    if FIELD.match(f"{line} ") is None and RULE.fullmatch(line) is None:
        return False
    following = [
        one.strip() for one in lines[number : number + LEAST_FIELDS + 2] if RULE.fullmatch(one.strip()) is None
    ]
    return sum(FIELD.match(f"{one[:MOST_LINE_CHARS]} ") is not None for one in following if one) >= LEAST_FIELDS


def is_wrote(line: str, lines: Sequence[str], number: int) -> bool:
    """Whether it is the line above a quote, which mail programs wrap if it is long."""
    if WHEN.match(line) is None:
        return False
    following = lines[number + 1].strip() if number + 1 < len(lines) else ""
    return any(
        len(one) <= 2 * MOST_LINE_CHARS and any(map(str.isdigit, one)) and WROTE.search(one) is not None
        for one in (line, f"{line} {following}")
    )
