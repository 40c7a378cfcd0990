"""Python processes that run one function, kept between calls.

Not `multiprocessing` and what builds on it: that runs the program's main module again in each
process, and finds functions by importing them, where a source is a file that nobody imports.
"""

from __future__ import annotations

import logging
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import trio

from echosvc._library.worker import HEAD
from echosvc._manifest.entry import Entry
from echosvc._manifest.source import module_name, path_of
from echosvc._runtime.context import values
from echosvc.errors import Internal, Invalid

if TYPE_CHECKING:
    from echosvc._runtime.runtime import Runtime

log = logging.getLogger("echosvc.funcs")

_SCRIPT: Final = str(Path(__file__).with_name("worker.py"))


class _Died(Exception):
    """A worker ended while it was asked."""


class _OutOfTurn(Exception):
    """A worker answered something else than what it was asked."""


class _Worker:
    """One Python process."""

    __slots__ = ("_alive", "_asked", "_buffer", "_unsent", "process")

    def __init__(self, process: trio.Process, alive: int) -> None:
        self.process = process
        # The end of a pipe. The process ends when it is closed, with us or by us.
        self._alive = alive
        self._asked = 0
        self._unsent = _message(0, pickle.dumps(sys.path))  # has no answer
        self._buffer = bytearray()

    def unasked(self) -> bytes | None:
        """Return what it has said that nobody asked for; None if nothing, empty at its end."""
        if self._buffer:
            return bytes(self._buffer)
        try:
            return os.read(self._stdout.fileno(), 1)  # trio has made it non-blocking
        except BlockingIOError:
            return None

    async def ask(self, call: bytes) -> bytes:
        """Send a call, and wait for its answer.

        Cancelled, or with an error, the worker is of no more use.

        Raises:
            _Died: It ended before it answered.
            _OutOfTurn: What came is not the answer to this call.
        """
        stdin = self.process.stdin
        assert stdin is not None
        self._asked += 1
        message = self._unsent + _message(self._asked, call)
        self._unsent = b""
        try:
            await stdin.send_all(message)
            number, length = HEAD.unpack(await self._read(HEAD.size))
            if number != self._asked:
                raise _OutOfTurn
            return await self._read(length)
        except (trio.BrokenResourceError, trio.ClosedResourceError):  # the other by `reap`
            raise _Died from None

    @property
    def _stdout(self) -> trio.lowlevel.FdStream:
        stream = self.process.stdout
        assert isinstance(stream, trio.lowlevel.FdStream)
        return stream

    async def _read(self, count: int) -> bytes:
        while len(self._buffer) < count:
            data = await self._stdout.receive_some(max(65_536, count - len(self._buffer)))
            if not data:
                raise _Died
            self._buffer += data
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    async def reap(self) -> None:
        """Wait for its end; cancelled, make it end."""
        try:
            await self.process.wait()
        finally:
            self.process.kill()  # does nothing to one that has ended
            with trio.CancelScope(shield=True):  # what was killed ends at once
                await self.process.wait()
                os.close(self._alive)
                for stream in (self.process.stdin, self.process.stdout):
                    if stream is not None:
                        await stream.aclose()


def _message(number: int, data: bytes) -> bytes:
    return HEAD.pack(number, len(data)) + data


class Workers:
    """The workers of one function, started as they are needed."""

    def __init__(self, runtime: Runtime, entry: Entry, size: int) -> None:
        path = path_of(entry)
        self._runtime = runtime
        self._name = entry.id
        self._function = (str(path), module_name(entry, path), entry.spec.method)
        self._places = trio.CapacityLimiter(size)
        self._idle: list[_Worker] = []
        self._closed = False

    async def run(self, *args: Any) -> Any:
        """Run the function in a worker that is free, or in a new one, when there is a place."""
        try:
            call = pickle.dumps((*self._function, args, values()))
        except Exception as exc:  # pickle raises what it likes
            message = f"{self._name}: an argument cannot leave this Python process: {exc}"
            raise Invalid(message) from exc
        async with self._places:
            answer = await self._ask(self._idle_worker() or await self._start(), call)
        value, error, text = pickle.loads(answer)  # noqa: S301  # of our own worker
        if error is not None:
            if text:
                error.add_note(f"in the Python process of {self._name}:\n{text}")
            raise error
        return value

    def close(self) -> None:
        """End those that are free; the others end with their calls."""
        self._closed = True
        for worker in self._idle:
            worker.process.kill()
        self._idle.clear()

    async def _ask(self, worker: _Worker, call: bytes) -> bytes:
        answer: bytes | None = None
        try:
            answer = await worker.ask(call)
        except _Died:
            code = await worker.process.wait()
            how = f"with code {code}" if code >= 0 else f"by signal {-code}"
            raise Internal(f"the Python process that ran {self._name} ended {how}") from None
        except _OutOfTurn:
            self._report(worker)
            message = f"the Python process that ran {self._name} gave another call's answer"
            raise Internal(f"{message}, and is ended") from None
        finally:
            if answer is not None and not self._closed:
                self._idle.append(worker)
            else:
                worker.process.kill()
        return answer

    def _idle_worker(self) -> _Worker | None:
        while self._idle:
            worker = self._idle.pop()
            if worker.process.poll() is not None:
                continue
            unasked = worker.unasked()
            if unasked is None:
                return worker
            worker.process.kill()
            if unasked:  # whatever it is, the next call would get it for its answer
                self._report(worker)
        return None

    def _report(self, worker: _Worker) -> None:
        fields = {"function": self._name, "process": worker.process.pid}
        text = "a Python process gave an answer that nobody asked for, and is ended"
        log.error(text, extra={"fields": fields})

    async def _start(self) -> _Worker:
        theirs, ours = os.pipe()
        try:
            process = await trio.lowlevel.open_process(
                # -P: the folder of the script is not to be imported from.
                [sys.executable, "-P", _SCRIPT, str(theirs)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=(theirs,),
                start_new_session=True,  # Ctrl-C at the terminal is for us to hear
            )
            worker = _Worker(process, ours)
            self._runtime.start_own_task(worker.reap, f"worker of {self._name}")
        except BaseException:
            os.close(ours)  # which ends what may have been started
            raise
        finally:
            os.close(theirs)
        return worker
