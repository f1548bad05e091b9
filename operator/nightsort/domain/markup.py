"""Turns HTML into the text that a person reads, and tells it from plain text that contains a `<`.

Plain text stays as it is, byte for byte. HTML is either a document by its beginning, or a fragment from a block's
opening tag to a closing one. Other text becomes plain only where it would be cut and consists mostly of markup.

A scanner rather than a tree: a ticket is a stranger's text and is read once from start to end, whereas a parser
that builds a tree took six minutes for 200,000 tags without an end (docs/decisions/).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from itertools import pairwise


def names(words: str) -> frozenset[str]:
    return frozenset(words.split())


BLOCKS = names(
    "address article aside blockquote body br center dd details div dl dt fieldset figcaption figure footer form h1 h2 "
    "h3 h4 h5 h6 header hr html li main nav ol p pre section summary table tbody td tfoot th thead tr ul"
)
INLINE = names(
    "a abbr acronym b bdi bdo big button cite code del dfn em font i img input ins kbd label mark q s samp small span "
    "strike strong sub sup time tt u var wbr"
)
UNSEEN = names("iframe math noscript object script style svg template textarea title xml")
"""Elements whose content nobody reads."""
KNOWN = BLOCKS | INLINE | UNSEEN | {"head", "link", "meta"}
DOCUMENT = frozenset(("!doctype", "html", "head"))
TAG = re.compile(r"<(/?)(!doctype(?=\s+html)|[a-z][a-z0-9]*)\b([^<>]*)>", re.IGNORECASE)
MARKUP = re.compile(r"<(?:/?[a-zA-Z]|![a-zA-Z\[]|\?[a-zA-Z])")
COMMENT_END = re.compile(r"--!?>")
EMPTY_COMMENT = re.compile(r"<!---?>")
NAME = re.compile(r"(/?)([a-zA-Z][\w:-]*)")
ENDS = re.compile(r"(?:</([a-z][a-z0-9]*)\s*>|<(?:br|hr|img)\b[^<>]*>|--!?>)\Z", re.IGNORECASE)
INLINED_DATA = re.compile(r"data:[\w/+.-]{1,100};base64,[\w+/=]+")
"""Inlined pictures, which may stand in front of the text."""
END_CHARS = 1_000
NEXT_TAG_CHARS = 100
LEAST_TAGS = 3
MOST_QUOTED = 8
"""Number of > signs that may stand in the quotes of one tag."""
MOST_HTML_CHARS = 2_000_000
"""Characters of markup that are scanned."""


def plain_text(text: str, most: int) -> str:
    """The text of an HTML body, of which only the first `most` characters count; other text unchanged."""
    if "<" not in text:
        return text
    if is_html(text) or (len(text) > most and is_mostly_markup(text)):
        return text_in(text, most)
    return text


def is_html(text: str) -> bool:
    """Whether it is a document or a fragment, rather than words that may contain tags."""
    first = TAG.match(text, content_at(text))
    if first is None or first[1]:
        return False
    tag, behind = first[2].lower(), first.end()
    if tag in DOCUMENT:
        return text[behind : behind + NEXT_TAG_CHARS].lstrip().startswith("<") or ends_with_tag(text)
    if tag == "style":
        return text.find("{", behind) > 0 and re.compile("</style", re.IGNORECASE).search(text, behind) is not None
    return (tag in BLOCKS or tag == "meta" or (tag in INLINE and "=" in first[3])) and ends_with_tag(text)


def content_at(text: str) -> int:
    """The position of the beginning, after white space, an XML declaration and comments."""
    at = 0
    while True:
        while at < len(text) and (text[at].isspace() or text[at] == "\ufeff"):
            at += 1
        behind = -1
        if text.startswith("<!--", at):
            behind = end_of_comment(text, at)
        elif text.startswith("<?xml", at) and (end := text.find("?>", at)) >= 0:
            behind = end + len("?>")
        if behind < 0:
            return at
        at = behind


def ends_with_tag(text: str) -> bool:
    found = ENDS.search(text[-END_CHARS:].rstrip())
    return found is not None and (found[1] is None or found[1].lower() in KNOWN)


def is_mostly_markup(text: str) -> bool:
    """Whether tags and style sheets make up more than half of it."""
    tags = [tag for tag in TAG.finditer(text, 0, MOST_HTML_CHARS) if tag[2].lower() in KNOWN]
    unseen = 0
    for tag, following in pairwise(tags):
        if tag[2].lower() in ("style", "script") and not tag[1]:
            unseen += following.start() - tag.end()
    return len(tags) >= LEAST_TAGS and 2 * (unseen + sum(len(tag[0]) for tag in tags)) > len(text)


def text_in(text: str, most: int) -> str:
    """The text that a browser would show: blocks on lines of their own, no scripts, style sheets and comments.

    The result ends somewhere behind its first `most` characters.
    """
    parts: list[str] = []
    length = 0
    for piece in pieces_of(INLINED_DATA.sub("", text.lstrip("\ufeff"))[:MOST_HTML_CHARS]):
        if piece is None:
            parts.append("\n")
            continue
        parts.append(piece.replace("\n", " "))
        length += len(piece.strip())
        if length > most:
            break
    lines = (" ".join(line.split()) for line in "".join(parts).split("\n"))
    return "\n".join(filter(None, lines))


def pieces_of(text: str) -> Iterator[str | None]:
    """The text between tags, without entities; None where a new line begins."""
    without_end: set[str] = set()
    at, last = 0, text.rfind(">")
    while (start := text.find("<", at)) >= 0:
        yield html.unescape(text[at:start])
        if not begins_markup(text, start, last):
            yield "<"
            at = start + 1
            continue
        at = end_of_markup(text, start)
        name = NAME.match(text, start + 1)
        tag = name[2].lower() if name else ""
        if tag in UNSEEN and name and not name[1] and tag not in without_end:
            behind = re.compile(rf"</{tag}\b", re.IGNORECASE).search(text, at)
            at = end_of_markup(text, behind.start()) if behind else at
            if behind is None:
                without_end.add(tag)
        if tag in BLOCKS:
            yield None
    yield html.unescape(text[at:])


def begins_markup(text: str, start: int, last: int) -> bool:
    """Whether a comment or a tag begins there, rather than somebody's words: `a <b and c</p>`.

    `last` is the position of the text's last > sign.
    """
    if text.startswith("<!--", start):
        return True
    if start > last or MARKUP.match(text, start) is None:
        return False
    following = text.find("<", start + 1)
    return following < 0 or text.find(">", start, following) >= 0 or is_in_quotes(text[start:following])


def is_in_quotes(beginning: str) -> bool:
    """Whether a tag with this beginning goes on within an attribute's value."""
    return any(
        beginning.count(sign) % 2 == 1 and beginning[: beginning.rfind(sign)].rstrip().endswith("=") for sign in "\"'"
    )


def end_of_comment(text: str, start: int) -> int:
    """A comment's end by the HTML standard: `<!-->` and `<!--->` are whole, `--!>` ends one like `-->`; -1 for none."""
    if whole := EMPTY_COMMENT.match(text, start):
        return whole.end()
    end = COMMENT_END.search(text, start + len("<!--"))
    return end.end() if end else -1


def end_of_markup(text: str, start: int) -> int:
    """The end of a comment or a tag; a > sign in quotes does not end it."""
    if text.startswith("<!--", start):
        end = end_of_comment(text, start)
        return end if end >= 0 else len(text)
    end = first = text.find(">", start)
    for _ in range(MOST_QUOTED):
        if end < 0:
            break
        inside = text[start:end]
        if inside.count('"') % 2 == 0:
            return end + 1
        end = text.find(">", end + 1)
    return first + 1 if first >= 0 else len(text)
