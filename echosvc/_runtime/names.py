"""Names for PIDs: local to a runtime, and gone with the process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from echosvc._channel.core import Channel
from echosvc._channel.seats import park
from echosvc._checks import check_text, given
from echosvc._runtime.pid import Pid, looks_like_pid
from echosvc.errors import Invalid, NameNotFound, NameTaken, Timeout

if TYPE_CHECKING:
    from echosvc._runtime.process import Process


class Names:
    """Who is called what."""

    __slots__ = ("_owners", "_wanted")

    def __init__(self) -> None:
        self._owners: dict[str, Process] = {}
        self._wanted: dict[str, Channel[Any]] = {}  # closed when the name is registered

    def __len__(self) -> int:
        return len(self._owners)

    def get(self, name: str) -> Process | None:
        """Give the process with this name, if there is one."""
        return self._owners.get(name)

    def register(self, name: str, process: Process) -> None:
        """Give a process a name; giving it the same again does nothing.

        Raises:
            NameTaken: Another process has it.
            Invalid: It is no name.
        """
        check_name(name)
        owner = self._owners.get(name)
        if owner is process:
            return
        if owner is not None:
            raise NameTaken(name=name, owner=owner.pid)
        self._owners[name] = process
        if process.names is None:
            process.names = {}
        process.names[name] = None
        wanted = self._wanted.pop(name, None)
        if wanted is not None:
            wanted.close()

    def unregister(self, name: str) -> bool:
        """Take a name back; False when nobody had it.

        Raises:
            Invalid: It is no text.
        """
        check_text("name", name)
        owner = self._owners.pop(name, None)
        if owner is None:
            return False
        if owner.names is not None:
            del owner.names[name]
        return True

    def release(self, process: Process) -> None:
        """Take all names of a process back."""
        for name in process.names or ():
            del self._owners[name]
        process.names = None

    def lookup(self, name: str) -> Pid:
        """Give the PID with this name.

        Raises:
            NameNotFound: Nobody has it.
            Invalid: It is no text.
        """
        check_text("name", name)
        owner = self._owners.get(name)
        if owner is None:
            raise NameNotFound(name=name)
        return owner.pid

    async def wait(self, name: str, timeout: float) -> Pid:
        """Wait until somebody has this name.

        Raises:
            Timeout: Nobody had it in time.
        """
        check_name(name)
        deadline = trio.current_time() + timeout
        await trio.lowlevel.checkpoint_if_cancelled()
        waited = False
        while (owner := self._owners.get(name)) is None:
            if trio.current_time() >= deadline:
                message = f"nobody registered the name {name!r} within {timeout:g}s"
                raise Timeout(message, details={"name": name})
            wanted = self._wanted.get(name)
            if wanted is None:
                wanted = self._wanted[name] = Channel(0)
            try:
                await park((wanted,), deadline)
            finally:
                if not wanted._receivers and self._wanted.get(name) is wanted:
                    del self._wanted[name]
            waited = True
        pid = owner.pid
        if not waited:
            await trio.lowlevel.cancel_shielded_checkpoint()
        return pid


def check_name(name: object) -> None:
    """Refuse what cannot be told from a PID, or is no text at all."""
    if not isinstance(name, str) or not name or looks_like_pid(name) or name[:1] == "@":
        raise Invalid(
            f"not a name for a process: {given(name)}; give a text without '{{' or '@' in front"
        )
