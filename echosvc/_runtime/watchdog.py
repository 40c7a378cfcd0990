"""Finds, from outside, a process that lets nothing else run."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

import trio

from echosvc._records import write
from echosvc._runtime.crash import WHO, fields_of, who

if TYPE_CHECKING:
    from echosvc._runtime.process import Process

log = logging.getLogger("echosvc.process")


class Watchdog:
    """A thread that looks whether the loop still turns, while processes are ending.

    It is there only then: roused by the first process that is to end, it looks once in a period,
    and goes when at that time none is.
    """

    __slots__ = ("_period", "_round")

    def __init__(self, period: float) -> None:
        self._period = period
        self._round: _Round | None = None

    def rouse(self, needed: Callable[[], bool]) -> None:
        """Look after the loop that calls this, until it is `needed` no more."""
        if self._round is None or self._round.over.is_set():
            self._round = _Round(self._period, needed)
            try:
                self._round.start()
            except RuntimeError as exc:  # no more threads: then nobody looks from outside
                self._round = None
                log.debug("no watchdog: %s", exc)

    def close(self) -> None:
        """Go, and be gone on return."""
        if self._round is not None:
            self._round.over.set()
            self._round.join()
            self._round = None


class _Round(threading.Thread):
    """From the rousing to the going."""

    def __init__(self, period: float, needed: Callable[[], bool]) -> None:
        super().__init__(name="echosvc watchdog", daemon=True)
        self.over = threading.Event()
        self._period = period
        self._needed = needed
        self._token = trio.lowlevel.current_trio_token()
        self._loop = threading.get_ident()
        self._turned = True

    def run(self) -> None:
        while not self.over.wait(self._period):
            if self._turned:
                self._turned = False
                try:
                    self._token.run_sync_soon(self._turn)
                except trio.RunFinishedError:
                    return
            else:
                self._report()

    def _turn(self) -> None:
        # In the loop's thread, as `rouse` is, so that nobody is roused while he is going.
        self._turned = True
        if not self._needed():
            self.over.set()

    def _report(self) -> None:
        frame = sys._current_frames().get(self._loop)
        process, places = _whose(frame)
        fields: dict[str, Any] = {"at": places[-1] if places else "unknown"}
        text = "something blocks the event loop"
        if process is not None:
            fields = {**fields_of(process), **fields}
            text = f"{who(process)} blocks the event loop"
        stack = "".join(f"\n  {place}" for place in places)
        write(log, logging.WARNING, f"{text}{stack}", fields, said=WHO)


def _whose(frame: FrameType | None) -> tuple[Process | None, list[str]]:
    """Find the process in whose code a thread is, and where it is there, outermost first."""
    from echosvc._runtime.coroutines import Coroutine
    from echosvc._runtime.process import Process

    places: list[str] = []
    while frame is not None:
        code = frame.f_code
        if code is Process.main.__code__:
            return frame.f_locals["self"], places[::-1]
        if code is Coroutine._run.__code__:
            return frame.f_locals["self"]._process, places[::-1]
        places.append(f"{code.co_filename}:{frame.f_lineno} in {code.co_name}")
        frame = frame.f_back
    return None, places[::-1]
