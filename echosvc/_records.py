"""The records that echosvc itself writes into the log.

Whoever writes one is in the middle of something: a process is ending, a child is to be restarted.
What goes wrong in logging, in a filter of the program's for instance, must not stop that.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import TracebackType
from typing import Any, TypeAlias

from echosvc._exceptions import (
    can_be_shown,
    context_of,
    own_traceback,
    set_context,
    text_of,
)
from echosvc._tasks import THROUGH

_Info: TypeAlias = "tuple[type[BaseException], BaseException, TracebackType | None]"


def write(
    log: logging.Logger,
    level: int,
    text: str,
    fields: Mapping[str, Any],
    *,
    said: tuple[str, ...] = (),
    error: BaseException | None = None,
) -> None:
    """Write a record; raises nothing but `SystemExit` and `KeyboardInterrupt`.

    Args:
        log: Where it goes.
        level: As in `logging`.
        text: The message. Where nobody shows the fields it stands alone, so it says who and what.
        fields: What is in it, for programs: ``record.fields``.
        said: Those of the fields that the message says already: ``record.said``.
        error: Its traceback goes along, from the first line of somebody's own code on.
    """
    if not log.isEnabledFor(level):
        return
    info: _Info | None = None
    if error is not None and can_be_shown(error):
        info = (type(error), error, own_traceback(error))
    extra = {"fields": dict(fields), "said": said}
    try:
        log.log(level, text, exc_info=info, extra=extra, stacklevel=2)
    except THROUGH:
        raise
    except BaseException as exc:  # noqa: BLE001 - of the program's logging, and told of
        failure = exc
    else:
        return
    if info is not None:
        # A traceback is what is too much most often.
        text = f"{text} (logged without its traceback: {text_of(failure)})"
        try:
            log.log(level, text, extra=extra, stacklevel=2)
        except THROUGH:
            raise
        except BaseException as exc:  # noqa: BLE001 - as above
            failure = exc
        else:
            return
    _tell_of_failure(log, level, text, failure)


def _tell_of_failure(log: logging.Logger, level: int, text: str, why: BaseException) -> None:
    """Say in the way of `logging` what has cost a record.

    That is a traceback on stderr, unless the program has set ``logging.raiseExceptions = False``.
    """
    record = logging.LogRecord(log.name, level, __file__, 0, text, (), None)
    if not can_be_shown(why):
        why = RuntimeError(text_of(why))
    context = context_of(why)
    try:
        try:
            raise why  # `handleError` takes what is just being handled
        except BaseException:  # noqa: BLE001 - see above
            set_context(why, context)
            logging.Handler().handleError(record)
    except THROUGH:
        raise
    except BaseException:  # noqa: BLE001, S110 - there is nowhere left to say it
        pass
