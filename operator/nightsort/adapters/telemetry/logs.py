"""The process' log: texts of exceptions are left out, since a library may quote a ticket or a row in them.

Texts without such data stay: our own errors, and the system's about a file, a connection or a lack of memory.
"""

from __future__ import annotations

import errno
import logging
import os
from typing import Any

from nightsort.domain.cost import UnknownPrice
from nightsort.domain.errors import Conflict, Gone, Interruption
from nightsort.domain.printable import printable

LEFT_OUT = "(what it says is left out: it may quote a ticket)"
MOST_CAUSES = 20
MOST_PATH_CHARS = 256
OF_THE_INTERPRETER = (MemoryError, RecursionError, NameError, AttributeError, ImportError)
"""Their texts are names in programs, or nothing: they quote no data."""


def keep_words_of_exceptions_out_of_the_log() -> None:
    """Keeps type and place of an exception, for every logger, handler and format; our own errors keep their text."""
    if not getattr(logging.getLogRecordFactory(), "leaves_words_out", False):
        logging.setLogRecordFactory(factory_over(logging.getLogRecordFactory()))


def factory_over(make: Any) -> Any:
    def record(*arguments: Any, **more: Any) -> logging.LogRecord:
        made: logging.LogRecord = make(*arguments, **more)
        if made.exc_info and made.exc_info[1] is not None:
            bare = without_words(made.exc_info[1])
            made.exc_info = (type(bare), bare, bare.__traceback__)
        return made

    record.leaves_words_out = True  # type: ignore[attr-defined]
    return record


def without_words(error: BaseException, causes: int = MOST_CAUSES) -> BaseException:
    """An exception that looks like this one in a traceback, with its causes."""
    kind = type(error)
    named = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    bare: BaseException
    if isinstance(error, BaseExceptionGroup):
        bare = BaseExceptionGroup(LEFT_OUT, [without_words(each, causes - 1) for each in error.exceptions[:causes]])
    else:
        bare = type(kind.__name__, (Exception,), named)(words_of(error))
    bare.__traceback__ = error.__traceback__
    if causes > 0:
        cause, context = error.__cause__, error.__context__
        bare.__cause__ = without_words(cause, causes - 1) if cause else None
        bare.__context__ = without_words(context, causes - 1) if context and not cause else None
    bare.__suppress_context__ = error.__suppress_context__
    return bare


def words_of(error: BaseException) -> str:
    """The text of an exception if it cannot quote a ticket, else a note that it was left out.

    The texts of system errors are taken from the system: libraries make some with their own.
    """
    if isinstance(error, Interruption):
        return error.message
    if isinstance(error, OSError) and error.errno is not None and error.errno in errno.errorcode:
        path = f": {printable(error.filename)[:MOST_PATH_CHARS]}" if isinstance(error.filename, str) else ""
        return f"{errno.errorcode[error.errno]}, {os.strerror(error.errno)}{path}"
    if isinstance(error, (Conflict, Gone, UnknownPrice, *OF_THE_INTERPRETER)):
        return printable(str(error))
    return LEFT_OUT
