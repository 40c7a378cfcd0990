"""Interim supervisor: one_for_one, to run services until the whole one is here."""

from __future__ import annotations

import contextvars
import math
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import trio

from echosvc.channel import Channel
from echosvc.errors import Error
from echosvc.time import Duration, parse_duration


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    initial_delay: Duration = "1s"
    max_delay: Duration = "90s"
    backoff_factor: float = 2.0
    jitter: float = 0.1
    max_attempts: int = 0
    stable_threshold: Duration = "5s"

    def delay(self, attempt: int) -> float:
        base = parse_duration(self.initial_delay) * self.backoff_factor ** (attempt - 1)
        base = min(base, parse_duration(self.max_delay))
        return base * (1 + random.uniform(-self.jitter, self.jitter))


@dataclass(frozen=True, slots=True)
class ChildSpec:
    name: str
    fn: Callable[..., Any]
    args: tuple[Any, ...] = ()
    restart: str = "permanent"
    stop_timeout: Duration = "5s"
    backoff: RestartPolicy | None = None


class Supervisor:
    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._context = contextvars.copy_context()
        self._scopes: dict[str, tuple[trio.CancelScope, trio.Event]] = {}

    async def start(self, spec: ChildSpec) -> Any:
        return await self._context.run(self._nursery.start, self._keep, spec)

    async def stop(self, name: str) -> None:
        scope, done = self._scopes[name]
        scope.cancel()
        await done.wait()

    async def _keep(self, spec: ChildSpec, *, task_status: Any) -> None:
        attempt = 0
        policy = spec.backoff or RestartPolicy()
        done = trio.Event()
        with trio.CancelScope() as scope:
            self._scopes[spec.name] = scope, done
            status = task_status
            try:
                while True:
                    began = trio.current_time()
                    try:
                        await spec.fn(*spec.args, task_status=status)
                        return
                    except Exception as exc:
                        if status is task_status and not getattr(task_status, "_called_started", True):
                            raise
                        if isinstance(exc, Error) and exc.retryable is False:
                            return
                    status = trio.TASK_STATUS_IGNORED
                    if trio.current_time() - began > parse_duration(policy.stable_threshold):
                        attempt = 0
                    attempt += 1
                    await trio.sleep(policy.delay(attempt))
            finally:
                done.set()


@asynccontextmanager
async def open_supervisor(max_restarts: int | None = 3, **_: Any) -> AsyncGenerator[Supervisor]:
    async with trio.open_nursery() as nursery:
        yield Supervisor(nursery)
        nursery.cancel_scope.cancel()
