"""Erlang's process model for Python, on trio.

For code inside a process (`from echosvc import process, channel, ...`)::

    process     send, receive, spawn, monitor, link, names
    channel     Go's channels, and select
    coroutine   tasks inside a process
    time        durations, sleep, timers
    io          the screen and the keyboard, under a terminal host
    logger      structured logging
    events      the event bus
    pg          process groups
    funcs       functions: one call, one result; in threads and subprocesses too
    store       keys and values, in memory or in SQLite
    env         environment variables
    registry    the entries, found and changed while all runs
    ctx         values that follow what is started
    errors      everything that is raised on purpose

For a program that embeds it::

    open_runtime            processes and services inside any trio program
    supervision             OTP's supervisors for plain trio tasks
    kinds                   for packages that add kinds of entries

Modules and names are imported when they are first used, so that the command line starts quickly
and `from echosvc import errors` costs nothing.

How it is built, lowest first; each may import only what stands above it in this list:

    errors.py, _checks.py
    channel.py, _channel/   time.py   supervision.py, _supervision/       plain trio
    _runtime/                                                             the process model
    process.py coroutine.py io.py logger.py events.py pg.py ctx.py        what a process calls
    _manifest/                                                            entries from YAML
    _library/   funcs.py store.py env.py registry.py kinds.py             libraries with entries
    _terminal/                                                            the screen
    _boot.py, _changes.py, _open.py                                       all of it, joined
    _cli/, testing.py
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from echosvc._version import __version__

if TYPE_CHECKING:
    from echosvc import (
        channel,
        coroutine,
        ctx,
        env,
        errors,
        events,
        funcs,
        io,
        kinds,
        logger,
        pg,
        process,
        registry,
        store,
        supervision,
        time,
    )
    from echosvc._open import open_runtime
    from echosvc._runtime.message import Event, Message
    from echosvc._runtime.pid import Pid
    from echosvc._runtime.runtime import Runtime
    from echosvc._runtime.supervised import ServiceInfo, ServiceState
    from echosvc.channel import Channel
    from echosvc.errors import Error

__all__ = [
    "Channel",
    "Error",
    "Event",
    "Message",
    "Pid",
    "Runtime",
    "ServiceInfo",
    "ServiceState",
    "__version__",
    "channel",
    "coroutine",
    "ctx",
    "env",
    "errors",
    "events",
    "funcs",
    "io",
    "kinds",
    "logger",
    "open_runtime",
    "pg",
    "process",
    "registry",
    "store",
    "supervision",
    "time",
]

_HOMES: Final = {
    "Channel": "echosvc.channel",
    "Error": "echosvc.errors",
    "Event": "echosvc._runtime.message",
    "Message": "echosvc._runtime.message",
    "Pid": "echosvc._runtime.pid",
    "Runtime": "echosvc._runtime.runtime",
    "ServiceInfo": "echosvc._runtime.supervised",
    "ServiceState": "echosvc._runtime.supervised",
    "open_runtime": "echosvc._open",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    elif name in __all__:
        value = importlib.import_module(f"echosvc.{name}")
    else:
        value = _added(name)
        if value is None:
            raise AttributeError(f"module 'echosvc' has no attribute {name!r}")
    globals()[name] = value
    return value


def _added(name: str) -> Any:
    """Give a module that an installed package adds, if there is one of this name."""
    if name.startswith("_"):
        return None
    # Late: it is for those names only that are nowhere else.
    from echosvc._manifest import plugins

    return plugins.module(name)


def __dir__() -> list[str]:
    return sorted(__all__)
