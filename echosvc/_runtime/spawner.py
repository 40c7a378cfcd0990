"""How one process starts another, with everything that is to be in place before it runs."""

from __future__ import annotations

from typing import Any

from echosvc._checks import check_dict
from echosvc._runtime import relations
from echosvc._runtime.current import current
from echosvc._runtime.exec import run
from echosvc._runtime.names import check_name
from echosvc._runtime.pid import Pid
from echosvc._runtime.snapshot import snapshot
from echosvc._runtime.starting import Target


class Spawner:
    """Starts processes with a name or with context values.

    Made by `process.with_name` and `process.with_context`, which can be chained:
    ``process.with_context({"user": 7}).with_name("cart").spawn(main)``.
    """

    __slots__ = ("_context", "_name")

    def __init__(self, name: str | None = None, context: dict[str, Any] | None = None) -> None:
        self._name = name  # checked already
        self._context = context  # a snapshot already

    def with_context(self, values: dict[str, Any]) -> Spawner:
        """Add context values; see `process.with_context`."""
        check_dict("context values", values)
        return Spawner(self._name, {**(self._context or {}), **snapshot(values)})

    def with_name(self, name: str) -> Spawner:
        """Give the process a name from its first moment; see `process.with_name`."""
        check_name(name)
        return Spawner(name, self._context)

    def spawn(self, target: Target, host: str | None = None, *args: Any) -> Pid:
        """Start a process; see `process.spawn`."""
        return self.start(target, host, args)

    def spawn_monitored(self, target: Target, host: str | None = None, *args: Any) -> Pid:
        """Start a process and monitor it; see `process.spawn`."""
        return self.start(target, host, args, monitor=True)

    def spawn_linked(self, target: Target, host: str | None = None, *args: Any) -> Pid:
        """Start a process and link with it; see `process.spawn`."""
        return self.start(target, host, args, link=True)

    def spawn_linked_monitored(self, target: Target, host: str | None = None, *args: Any) -> Pid:
        """Start a process, link with it and monitor it; see `process.spawn`."""
        return self.start(target, host, args, monitor=True, link=True)

    async def exec(self, target: Target, host: str | None = None, *args: Any) -> Any:
        """Start a process and wait for its result; see `process.exec`.

        Cancelled, the process is terminated, and its end waited for.
        """
        process = current()
        return await run(
            process.runtime, target, host, args, process, name=self._name, context=self._context
        )

    def start(
        self,
        target: Target,
        host: str | None,
        args: tuple[Any, ...],
        monitor: bool = False,
        link: bool = False,
    ) -> Pid:
        """Start a process with what is asked for in place; all ways to spawn lead here."""
        process = current()
        runtime = process.runtime
        if self._name is not None:
            owner = runtime.names.get(self._name)
            if owner is not None:
                # Nothing is started, but what was asked for holds for the process that is there.
                if monitor:
                    relations.monitor(process, owner.pid)
                if link:
                    relations.link(process, owner.pid)
                return owner.pid
        return runtime.start_process(
            target,
            host,
            args,
            parent=process,
            monitor=monitor,
            link=link,
            name=self._name,
            context=self._context,
        ).pid
