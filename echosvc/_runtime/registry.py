"""Names, as a process uses them: `process.registry`."""

from __future__ import annotations

from echosvc._runtime.current import current
from echosvc._runtime.pid import Pid
from echosvc.time import Duration, seconds_of


class NameRegistry:
    """Names for PIDs, local to the runtime of the current process.

    A name belongs to one process at a time, and is released when that ends.
    """

    __slots__ = ()

    def register(self, name: str, pid: str | None = None) -> Pid:
        """Give a process (this one by default) a name; doing it again does nothing.

        Raises:
            NameTaken: Another process has it.
            ProcessNotFound: The process has ended.
            NameNotFound: Nobody has the name given for a PID.
            Invalid: It is no name: no text, empty, or it begins with ``{`` or ``@``.
        """
        process = current()
        owner = process if pid is None else process.runtime.find(pid)
        process.runtime.names.register(name, owner)
        return owner.pid

    def lookup(self, name: str) -> Pid:
        """Give the PID with this name.

        Raises:
            NameNotFound: Nobody has it.
            Invalid: It is no text.
        """
        return current().runtime.names.lookup(name)

    def unregister(self, name: str) -> bool:
        """Take a name back, whoever has it; False when nobody had it.

        Raises:
            Invalid: It is no text.
        """
        return current().runtime.names.unregister(name)

    async def wait(self, name: str, timeout: Duration = "5s") -> Pid:
        """Wait until somebody has this name, and give the PID.

        Cancelled, it only stops waiting.

        Raises:
            Timeout: Nobody had it in time.
            Invalid: It is no name, or the timeout no duration, or less than nothing.
        """
        return await current().runtime.names.wait(name, seconds_of("timeout", timeout))
