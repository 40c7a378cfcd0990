"""PIDs: the one address of a process."""

from __future__ import annotations

from typing import Self

__all__ = ["Pid"]


class Pid(str):
    """The address of a process: ``{host|0x00001}``, or ``{node@host|0x00001}`` of another node.

    It is a `str`, so it travels anywhere and equals its text; a runtime never uses one twice.
    """

    __slots__ = ()

    @classmethod
    def make(cls, host: str, number: int) -> Self:
        """Write the PID of the process with this number on this host."""
        return cls(f"{{{host}|0x{number:05x}}}")

    @property
    def node(self) -> str:
        """The node's name; empty for a local process."""
        node, at, _ = self[1:-1].rpartition("|")[0].partition("@")
        return node if at else ""

    @property
    def host(self) -> str:
        """The host's id."""
        address = self[1:-1].rpartition("|")[0]
        return address.partition("@")[2] if "@" in address else address

    @property
    def number(self) -> int:
        """The number, of which each process of a runtime has its own."""
        return int(self[1:-1].rpartition("|")[2], 16)

    def __repr__(self) -> str:
        return str(self)


def looks_like_pid(dest: str) -> bool:
    """Whether a text is meant as a PID, and not as a name."""
    return dest[:1] == "{"
