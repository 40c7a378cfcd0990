"""How everything public is called so that it does what it is for, and what calls it."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from typing import Any, Final

from echosvc import (
    channel,
    coroutine,
    ctx,
    env,
    events,
    funcs,
    io,
    kinds,
    logger,
    open_runtime,
    pg,
    process,
    registry,
    store,
    testing,
    time,
)
from echosvc._runtime.service import ServiceState
from echosvc.testing import FakeTerminal, Faults
from tests.arguments import public
from tests.arguments.world import World, nothing, waiter

Given = dict[str, Any]
Make = Callable[[World], tuple[Callable[..., Any], Given]]


def _message() -> process.Message:
    """Give a question from oneself to another, which can be replied to."""
    return process.Message("topic", None, None)


CALLS: Final[dict[str, Make]] = {
    # -- process
    "process.Message.reply": lambda w: (_message().reply, {"value": 1}),
    "process.call": lambda w: (
        process.call,
        {"dest": w.other, "topic": "t", "payload": (1,), "timeout": 1},
    ),
    "process.cancel": lambda w: (process.cancel, {"dest": w.other, "reason": "r"}),
    "process.deliver": lambda w: (
        process.deliver,
        {"dest": w.other, "topic": "t", "payload": (1,)},
    ),
    "process.info": lambda w: (process.info, {"dest": w.other}),
    "process.link": lambda w: (process.link, {"dest": w.other}),
    "process.listen": lambda w: (process.listen, {"topic": "t", "message": True}),
    "process.monitor": lambda w: (process.monitor, {"dest": w.other}),
    "process.registry.lookup": lambda w: (process.registry.lookup, {"name": "n"}),
    "process.registry.register": lambda w: (
        process.registry.register,
        {"name": "n", "pid": w.other},
    ),
    "process.registry.unregister": lambda w: (process.registry.unregister, {"name": "n"}),
    "process.registry.wait": lambda w: (process.registry.wait, {"name": "n", "timeout": 1}),
    "process.send": lambda w: (process.send, {"dest": w.other, "topic": "t", "payload": (1,)}),
    "process.set_options": lambda w: (process.set_options, {"trap_links": True}),
    "process.terminate": lambda w: (process.terminate, {"dest": w.other, "reason": "r"}),
    "process.unlink": lambda w: (process.unlink, {"dest": w.other}),
    "process.unlisten": lambda w: (process.unlisten, {"channel": w.full}),
    "process.unmonitor": lambda w: (process.unmonitor, {"dest": w.other}),
    "process.with_context": lambda w: (process.with_context, {"values": {"a": 1}}),
    "process.with_name": lambda w: (process.with_name, {"name": "n"}),
    **{
        f"process.{how}": lambda w, how=how: (
            getattr(process, how),
            {"target": nothing, "host": "app:spare", "args": (1,)},
        )
        for how in (
            "exec",
            "spawn",
            "spawn_linked",
            "spawn_linked_monitored",
            "spawn_monitored",
        )
    },
    **{
        f"process.Spawner.{how}": lambda w, how=how: (
            getattr(process.with_name("n"), how),
            {"target": nothing, "host": "app:spare", "args": (1,)},
        )
        for how in (
            "exec",
            "spawn",
            "spawn_linked",
            "spawn_linked_monitored",
            "spawn_monitored",
        )
    },
    "process.Spawner.with_context": lambda w: (
        process.with_name("n").with_context,
        {"values": {"a": 1}},
    ),
    "process.Spawner.with_name": lambda w: (process.with_context({}).with_name, {"name": "n"}),
    # -- channel
    "channel.Channel": lambda w: (channel.Channel, {"size": 1}),
    "channel.Channel.case_send": lambda w: (w.full.case_send, {"value": 1}),
    "channel.Channel.send": lambda w: (w.full.send, {"value": 1}),
    "channel.Channel.send_nowait": lambda w: (w.full.send_nowait, {"value": 1}),
    "channel.SendCase": lambda w: (channel.SendCase, {"channel": w.full, "value": 1}),
    "channel.case_call": lambda w: (channel.case_call, {"fn": nothing, "args": (1,)}),
    "channel.new": lambda w: (channel.new, {"size": 1}),
    "channel.select": lambda w: (channel.select, {"cases": (w.full,), "default": True}),
    # -- time
    "time.Ticker": lambda w: (time.Ticker, {"period": 1}),
    "time.Timer": lambda w: (time.Timer, {"duration": 1}),
    "time.Timer.reset": lambda w: (time.timer(1).reset, {"duration": 1}),
    "time.after": lambda w: (time.after, {"duration": 1}),
    "time.parse_duration": lambda w: (time.parse_duration, {"duration": 1}),
    "time.sleep": lambda w: (time.sleep, {"duration": 1}),
    "time.ticker": lambda w: (time.ticker, {"period": 1}),
    "time.timer": lambda w: (time.timer, {"duration": 1}),
    # -- coroutine, io, logger
    "coroutine.Coroutine.cancel": lambda w: (coroutine.spawn(nothing).cancel, {"reason": "r"}),
    "coroutine.spawn": lambda w: (coroutine.spawn, {"fn": waiter, "args": ()}),
    "io.Live.update": lambda w: (_shown(io.live()).update, {"objects": ("a",)}),
    "io.Progress.advance": lambda w: (_shown(io.progress("p", 7)).advance, {"by": 1}),
    "io.Progress.update": lambda w: (
        _shown(io.progress("p", 7)).update,
        {"completed": 1, "total": 7, "description": "d"},
    ),
    "io.Status.update": lambda w: (_shown(io.status("s")).update, {"text": "t"}),
    "io.eprint": lambda w: (io.eprint, {"objects": ("a",), "sep": " ", "end": "\n"}),
    "io.print": lambda w: (io.print, {"objects": ("a",), "sep": " ", "end": "\n"}),
    "io.progress": lambda w: (io.progress, {"description": "d", "total": 7}),
    "io.read": lambda w: (_typed(w, io.read), {"n": 1}),
    "io.readline": lambda w: (
        _typed(w, io.readline),
        {"prompt": "> ", "completer": ["a"], "password": False},
    ),
    "io.status": lambda w: (io.status, {"text": "t"}),
    "io.write": lambda w: (io.write, {"text": "t"}),
    "logger.Logger": lambda w: (logger.Logger, {"name": "n", "fields": {"a": 1}}),
    "logger.named": lambda w: (logger.named, {"name": "n"}),
    "logger.Logger.named": lambda w: (logger.bind(a=1).named, {"name": "n"}),
    "logger.bind": lambda w: (logger.bind, {"fields": {"a": 1}}),
    "logger.Logger.bind": lambda w: (logger.named("n").bind, {"fields": {"a": 1}}),
    **{
        f"logger.{how}": lambda w, how=how: (
            getattr(logger, how),
            {"message": "m", "fields": {"a": 1}},
        )
        for how in ("debug", "info", "warn", "error")
    },
    **{
        f"logger.Logger.{how}": lambda w, how=how: (
            getattr(logger.named("n"), how),
            {"message": "m", "fields": {"a": 1}},
        )
        for how in ("debug", "info", "warn", "error")
    },
    # -- the libraries
    "ctx.get": lambda w: (ctx.get, {"key": "k", "default": None}),
    "env.get": lambda w: (env.get, {"name": "app:port", "default": None}),
    "events.send": lambda w: (
        events.send,
        {"system": "s", "kind": "k", "path": "p", "data": {"a": 1}},
    ),
    "events.subscribe": lambda w: (events.subscribe, {"system": "s", "kind": "k", "size": 1}),
    "funcs.Caller.call": lambda w: (
        funcs.with_timeout(1).call,
        {"target": "app:double", "args": (1,)},
    ),
    "funcs.Caller.start": lambda w: (
        funcs.with_timeout(1).start,
        {"target": "app:double", "args": (1,)},
    ),
    "funcs.Caller.with_context": lambda w: (
        funcs.with_timeout(1).with_context,
        {"values": {"a": 1}},
    ),
    "funcs.Caller.with_timeout": lambda w: (funcs.with_context({}).with_timeout, {"timeout": 1}),
    "funcs.Future.cancel": lambda w: (funcs.start("app:double").cancel, {"reason": "r"}),
    "funcs.call": lambda w: (funcs.call, {"target": "app:double", "args": (1,)}),
    "funcs.start": lambda w: (funcs.start, {"target": "app:double", "args": (1,)}),
    "funcs.with_context": lambda w: (funcs.with_context, {"values": {"a": 1}}),
    "funcs.with_timeout": lambda w: (funcs.with_timeout, {"timeout": 1}),
    "pg.Scope": lambda w: (pg.Scope, {"name": "s"}),
    "pg.scope": lambda w: (pg.scope, {"name": "s"}),
    **{
        f"pg{scope}.{how}": lambda w, scope=scope, how=how, rest=rest: (
            getattr(_joined(w, pg.scope("s") if scope else pg), how),
            {"group": "g", **{each: w.other if each == "pid" else "t" for each in rest}},
        )
        for scope in ("", ".Scope")
        for how, rest in {
            "broadcast": ("topic", "payload"),
            "join": ("pid",),
            "leave": ("pid",),
            "members": (),
            "monitor": (),
        }.items()
    },
    "store.delete": lambda w: (store.delete, {"store": "app:memory", "key": "k"}),
    "store.get": lambda w: (store.get, {"store": "app:memory", "key": "k", "default": None}),
    "store.has": lambda w: (store.has, {"store": "app:memory", "key": "k"}),
    "store.items": lambda w: (store.items, {"store": "app:memory", "prefix": "p", "limit": 1}),
    "store.keys": lambda w: (store.keys, {"store": "app:memory", "prefix": "p", "limit": 1}),
    "store.set": lambda w: (
        store.set,
        {"store": "app:memory", "key": "k", "value": 1, "ttl": 1},
    ),
    "registry.Changes.create": lambda w: (
        registry.changes().create,
        {"entry": {"id": "app:new", "kind": "store.memory"}},
    ),
    "registry.Changes.delete": lambda w: (registry.changes().delete, {"id": "app:memory"}),
    "registry.Changes.update": lambda w: (
        registry.changes().update,
        {"id": "app:memory", "fields": {"max_keys": 1}},
    ),
    "registry.Snapshot.find": lambda w: (
        registry.snapshot().find,
        {"kind": "*", "namespace": "app", "meta": {}},
    ),
    "registry.Snapshot.get": lambda w: (registry.snapshot().get, {"id": "app:memory"}),
    "registry.find": lambda w: (registry.find, {"kind": "*", "namespace": "app", "meta": {}}),
    "registry.get": lambda w: (registry.get, {"id": "app:memory"}),
    "registry.go_back": lambda w: (registry.go_back, {"number": 1}),
    **{
        f"{module}.Entry.fault": lambda w: (
            registry.get("app:memory").fault,
            {"message": "m", "path": ("kind",), "hint": "h"},
        )
        for module in ("kinds", "registry")
    },
    **{
        f"{module}.Entry.where": lambda w: (
            registry.get("app:memory").where,
            {"path": ("kind",), "key": True},
        )
        for module in ("kinds", "registry")
    },
    "kinds.Kind": lambda w: (
        kinds.Kind,
        {"name": "a.b", "spec": kinds.Spec, "references": (), "check": nothing, "run": nothing},
    ),
    "kinds.Reference": lambda w: (kinds.Reference, {"path": ("host",), "kinds": kinds.HOSTS}),
    # -- testing
    "testing.App.stop": lambda w: (testing.App(w.runtime, w.terminal).stop, {"reason": "r"}),
    "testing.FakeTerminal": lambda w: (
        FakeTerminal,
        {"args": ["a"], "interactive": True, "color": True},
    ),
    "testing.FakeTerminal.type_line": lambda w: (FakeTerminal().type_line, {"line": "l"}),
    "testing.FakeTerminal.wait_for": lambda w: (w.terminal.wait_for, {"text": "t"}),
    "testing.Faults": lambda w: (Faults, {"runtime": w.runtime}),
    "testing.Faults.crash": lambda w: (
        w.faults.crash,
        {"dest": w.other, "error": ValueError("asked for")},
    ),
    "testing.Faults.crash_starts": lambda w: (
        w.faults.crash_starts,
        {"entry": "app:waiter", "times": 1, "error": ValueError("asked for")},
    ),
    "testing.Faults.delay": lambda w: (
        w.faults.delay,
        {"topic": "t", "by": 1, "to": "*", "times": 1},
    ),
    "testing.Faults.drop": lambda w: (w.faults.drop, {"topic": "t", "to": "*", "times": 1}),
    "testing.Faults.replace": lambda w: (
        w.faults.replace,
        {"entry": "app:waiter", "fn": nothing},
    ),
    "testing.Probe.call": lambda w: (
        w.probe.call,
        {"dest": w.other, "topic": "t", "payload": (1,), "timeout": 1},
    ),
    "testing.Probe.expect": lambda w: (
        w.probe.expect,
        {"topic": "t", "data": 1, "sender": w.other, "timeout": 1},
    ),
    "testing.Probe.expect_event": lambda w: (
        w.probe.expect_event,
        {"kind": process.event.EXIT, "sender": w.other, "timeout": 1},
    ),
    "testing.Probe.expect_exit": lambda w: (
        w.probe.expect_exit,
        {"pid": w.other, "timeout": 1},
    ),
    "testing.Probe.expect_nothing": lambda w: (w.probe.expect_nothing, {"within": 1}),
    "testing.Probe.link": lambda w: (w.probe.link, {"dest": w.other}),
    "testing.Probe.monitor": lambda w: (w.probe.monitor, {"dest": w.other}),
    "testing.Probe.run_sync": lambda w: (w.probe.run_sync, {"fn": process.pid}),
    "testing.Probe.send": lambda w: (
        w.probe.send,
        {"dest": w.other, "topic": "t", "payload": (1,)},
    ),
    **{
        f"testing.Probe.{how}": lambda w, how=how: (
            getattr(w.probe, how),
            {"target": nothing, "host": "app:spare", "args": (1,)},
        )
        for how in ("spawn", "spawn_linked", "spawn_monitored")
    },
    "testing.open_app": lambda w: (
        testing.open_app,
        {
            "source": w.folder,
            "target": "app:waiter",
            "lines": ["l"],
            "args": ["a"],
            "overrides": ["app:memory:max_keys=1"],
            "terminal": FakeTerminal(),
        },
    ),
    "testing.open_probe": lambda w: (testing.open_probe, {"runtime": w.runtime, "name": "n"}),
    # -- embedding
    "open_runtime": lambda w: (
        open_runtime,
        {
            "source": w.folder,
            "overrides": ["app:memory:max_keys=1"],
            "terminal": FakeTerminal(),
            "auto_start": False,
        },
    ),
    "Runtime.attach": lambda w: (w.runtime.attach, {"name": "n"}),
    "Runtime.call": lambda w: (
        w.runtime.call,
        {"dest": w.other, "topic": "t", "payload": (1,), "timeout": 1},
    ),
    "Runtime.cancel": lambda w: (
        w.runtime.cancel,
        {"dest": w.other, "reason": "r", "sender": process.pid()},
    ),
    "Runtime.events": lambda w: (w.runtime.events, {"system": "s", "kind": "k", "size": 1}),
    "Runtime.info": lambda w: (w.runtime.info, {"dest": w.other}),
    "Runtime.restart_service": lambda w: (
        w.runtime.restart_service,
        {"id": "app:service", "reason": "r"},
    ),
    "Runtime.run": lambda w: (
        w.runtime.run,
        {"target": nothing, "host": "app:spare", "args": (1,)},
    ),
    "Runtime.send": lambda w: (
        w.runtime.send,
        {"dest": w.other, "topic": "t", "payload": (1,)},
    ),
    "Runtime.spawn": lambda w: (
        w.runtime.spawn,
        {"target": nothing, "host": "app:spare", "args": (1,)},
    ),
    "Runtime.start": lambda w: (w.runtime.start, {"ids": ("app:service",)}),
    "Runtime.start_host": lambda w: (
        w.runtime.start_host,
        {
            "id": "app:more",
            "mailbox": 1,
            "max_processes": 1,
            "allow": ["app:*"],
            "stop_timeout": 1,
            "terminal": FakeTerminal(),
        },
    ),
    "Runtime.stop": lambda w: (w.runtime.stop, {"reason": "r"}),
    "Runtime.stop_host": lambda w: (w.runtime.stop_host, {"id": "app:spare", "reason": "r"}),
    "Runtime.stop_service": lambda w: (
        w.runtime.stop_service,
        {"id": "app:service", "reason": "r"},
    ),
    "Runtime.terminate": lambda w: (w.runtime.terminate, {"dest": w.other, "reason": "r"}),
    "Runtime.wait_service": lambda w: (
        w.runtime.wait_service,
        {"id": "app:service", "states": (ServiceState.RUNNING,), "timeout": 1},
    ),
}
"""How each thing is called so that it does what it is for."""


def _shown(manager: Any) -> Any:
    """Enter a block of `io` that is left with the world."""
    return manager.__enter__()


def _joined(world: World, groups: Any) -> Any:
    """Let somebody be in the group."""
    groups.join("g", world.other)
    return groups


def _typed(world: World, read: Callable[..., Any]) -> Callable[..., Any]:
    """Type what is to be read."""
    world.terminal.type_line("a line")
    return read


def _is_named(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(key, str) for key in value)


async def perform(fn: Callable[..., Any], given: Given) -> Any:
    """Call it with arguments by name, and wait for what it gives; enter and leave its block."""
    args: list[Any] = []
    named: Given = {}
    for name, parameter in inspect.signature(fn).parameters.items():
        if name not in given:
            continue
        value = given[name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            args.extend(value if isinstance(value, tuple) else (value,))
        elif parameter.kind is parameter.VAR_KEYWORD:
            named |= value if _is_named(value) else {"value": value}
        elif parameter.kind is parameter.KEYWORD_ONLY:
            named[name] = value
        else:
            args.append(value)
    result = fn(*args, **named)
    if isinstance(result, contextlib._AsyncGeneratorContextManager):
        async with result as entered:
            return entered
    if isinstance(result, contextlib._GeneratorContextManager):
        with result as entered:
            return entered
    return await result if inspect.isawaitable(result) else result


def undescribed() -> set[str]:
    """What is public, has parameters, and is not in `CALLS`."""
    with_parameters = {name for name, fn in public.callables().items() if public.parameters(fn)}
    return with_parameters - CALLS.keys() - {"process.upgrade", "testing.puppet"}
