"""What a process may set about itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a process."""

    trap_links: bool = False
    """A failing linked process is a LINK_DOWN event, and does not end this one."""
