"""What a stop signal does outside of a run: before it, and after it.

Before a run nothing has begun: the program ends there and then, without a word and with the exit
code of the signal. After it the exit code is decided: a signal that comes while the interpreter
puts itself away may hasten that, and changes the code no more. `signals` has what is between.

This imports next to nothing, because what it covers first is the import of all the rest. An
exception raised by a handler would be a traceback out of the middle of some import, or would be
swallowed there; so these handlers raise nothing.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Final

STOPPING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_code: int | None = None
_put_off: list[int] | None = None


def watch() -> None:
    """Take the stop signals that nobody has taken; for a program, before it imports the rest.

    One that the program was started to ignore (`nohup`, a shell's ``&``) stays ignored.
    """
    for number in STOPPING:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _end)
    # Registered first it is called last, when no thread is waited for any more. From then on the
    # interpreter would take its handlers back, and the default ones end it with a signal's code.
    atexit.register(_ignore)


def settle(code: int) -> None:
    """Take the exit code as decided: no signal changes it from now on."""
    global _code
    _code = code


@contextlib.contextmanager
def whole() -> Iterator[None]:
    """Put a stop signal off until the block is done, which must be short."""
    global _put_off
    _put_off = []
    try:
        yield
    finally:
        came, _put_off = _put_off, None
        if came:
            _end(came[0], None)


def _end(number: int, frame: FrameType | None) -> None:
    if _put_off is not None:
        _put_off.append(number)
        return
    if _code is not None and sys.stdout is not None:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
    os._exit(128 + number if _code is None else _code)


def _ignore() -> None:
    for number in STOPPING:
        if signal.getsignal(number) is _end:
            signal.signal(number, signal.SIG_IGN)
