"""All that an application may call, with its parameters: read from the package itself."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, Final

import echosvc
from echosvc._runtime import terminal

MODULES: Final = (
    "process",
    "channel",
    "time",
    "coroutine",
    "io",
    "logger",
    "funcs",
    "events",
    "pg",
    "ctx",
    "env",
    "store",
    "registry",
    "kinds",
    "testing",
)

MADE_BY_USERS: Final = frozenset(
    {
        "channel.Channel",
        "channel.SendCase",
        "kinds.Kind",
        "kinds.Reference",
        "logger.Logger",
        "pg.Scope",
        "testing.FakeTerminal",
        "testing.Faults",
        "time.Ticker",
        "time.Timer",
    }
)
"""The classes that a program makes objects of itself. All others say who makes them, or are what
the library gives back."""

FOR_THE_RUNTIME_ITSELF: Final = frozenset(
    {
        "add_host",
        "add_level",
        "address",
        "close",
        "enter",
        "fail",
        "fall",
        "find",
        "forget",
        "forget_service",
        "host_for",
        "known",
        "new_context",
        "next_call",
        "now",
        "post",
        "program",
        "route",
        "set_starter",
        "start_again",
        "start_own_task",
        "start_process",
        "start_service",
        "start_supervised",
        "start_task",
    }
)
"""Methods of a runtime that its own parts call, and nobody else."""

NO_CALLS: Final = frozenset(
    {
        "kinds.Count",  # types to write with
        "kinds.Seconds",
        "kinds.Spec",
        "process.Pid.make",  # what the runtime's own parts call
        "process.Spawner.start",
        "process.event",  # an enumeration
    }
)


def callables() -> dict[str, Callable[..., Any]]:
    """Every public function, method and class that a program makes objects of, by its name."""
    found: dict[str, Callable[..., Any]] = {}
    for name in MODULES:
        module = importlib.import_module(f"echosvc.{name}")
        found |= {each: fn for each, fn in _in_module(name, module) if each not in NO_CALLS}
    found["open_runtime"] = echosvc.open_runtime
    for cls in (terminal.Status, terminal.Progress, terminal.Live):
        found |= dict(methods(f"io.{cls.__name__}", cls))
    for cls in reversed(echosvc.Runtime.__mro__[:-1]):
        found |= {
            each: fn
            for each, fn in methods("Runtime", cls)
            if each.removeprefix("Runtime.") not in FOR_THE_RUNTIME_ITSELF
        }
    return found


def _in_module(name: str, module: ModuleType) -> Iterator[tuple[str, Callable[..., Any]]]:
    for public in module.__all__:
        value = getattr(module, public)
        full = f"{name}.{public}"
        if inspect.isclass(value):
            if issubclass(value, BaseException):
                continue
            if full in MADE_BY_USERS:
                yield full, value
            yield from methods(full, value)
        elif full == "process.registry":
            yield from methods(full, type(value))
        elif callable(value):
            yield full, value


def methods(owner: str, cls: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    for name, value in vars(cls).items():
        function = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        if name.startswith("_") or f"{owner}.{name}" in NO_CALLS:
            continue
        if inspect.isfunction(function):
            yield f"{owner}.{name}", function


def parameters(fn: Callable[..., Any]) -> list[str]:
    """The parameters that a caller gives; not `self`."""
    return [name for name in inspect.signature(fn).parameters if name not in ("self", "cls")]


def all_parameters() -> set[str]:
    """The parameters of everything that is public: ``process.send.topic``."""
    return {f"{name}.{each}" for name, fn in callables().items() for each in parameters(fn)}
