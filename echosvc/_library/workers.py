"""Python processes that run one function, kept between calls.

Not `multiprocessing` and what builds on it: that runs the program's main module again in each
process, and finds functions by importing them, where a source is a file that nobody imports.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import trio

from echosvc._library.worker import LENGTH
from echosvc._manifest.entry import Entry
from echosvc._manifest.source import module_name, path_of
from echosvc._runtime.context import values
from echosvc.errors import Internal, Invalid

if TYPE_CHECKING:
    from echosvc._runtime.runtime import Runtime

_SCRIPT: Final = str(Path(__file__).with_name("worker.py"))


class _Died(Exception):
    """A worker ended while it was asked."""


class _Worker:
    """One Python process."""

    __slots__ = ("_buffer", "process")

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self._buffer = bytearray()

    async def ask(self, *messages: bytes) -> bytes:
        """Send messages, and wait for the one answer.

        Cancelled, the worker is of no more use.

        Raises:
            _Died: It ended before it answered.
        """
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert isinstance(stdout, trio.lowlevel.FdStream)
        try:
            for message in messages:
                await stdin.send_all(LENGTH.pack(len(message)) + message)
            (length,) = LENGTH.unpack(await self._read(stdout, LENGTH.size))
            return await self._read(stdout, length)
        except trio.BrokenResourceError:
            raise _Died from None

    async def _read(self, stream: trio.lowlevel.FdStream, count: int) -> bytes:
        while len(self._buffer) < count:
            data = await stream.receive_some(max(65_536, count - len(self._buffer)))
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
                for stream in (self.process.stdin, self.process.stdout):
                    if stream is not None:
                        await stream.aclose()


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
            worker: _Worker | None = None
            answer: bytes | None = None
            try:
                worker, first = await self._free()
                answer = await worker.ask(*first, call)
            except _Died:
                assert worker is not None
                code = await worker.process.wait()
                how = f"with code {code}" if code >= 0 else f"by signal {-code}"
                raise Internal(f"the Python process that ran {self._name} ended {how}") from None
            finally:
                if answer is not None and worker is not None and not self._closed:
                    self._idle.append(worker)
                elif worker is not None:
                    worker.process.kill()
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

    async def _free(self) -> tuple[_Worker, tuple[bytes, ...]]:
        """Give a worker, and what it has to be told before its first call."""
        while self._idle:
            worker = self._idle.pop()
            if worker.process.poll() is None:
                return worker, ()
        process = await trio.lowlevel.open_process(
            # -P: the folder of the script is not to be imported from.
            [sys.executable, "-P", _SCRIPT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C at the terminal is for us to hear
        )
        worker = _Worker(process)
        self._runtime.start_own_task(worker.reap, f"worker of {self._name}")
        return worker, (pickle.dumps(sys.path),)
