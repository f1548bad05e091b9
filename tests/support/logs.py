"""What an operator's log says of things that nobody foresaw."""

from __future__ import annotations

import re

ACCIDENT = re.compile(r"^.*: (?:unexpected|an unexpected .* told in the operator's log.*)$", re.MULTILINE)


def accidents(log: str) -> list[str]:
    """The lines that tell of an exception which no rule is for.

    Databases and servers use the same word of connections that they close, which is no accident.
    """
    return [found.group() for found in ACCIDENT.finditer(log)]
