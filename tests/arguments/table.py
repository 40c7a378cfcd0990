"""What each public parameter refuses, with the words that it refuses it with."""

from __future__ import annotations

import math
from typing import Final

from echosvc import channel, kinds
from tests.arguments.wrong import (
    HOSTILE,
    LOGS,
    NO_DEST,
    NO_DURATION,
    NO_NAME,
    NO_TARGET,
    NO_TOPIC,
    NOT_TO_COPY,
    SPAWNS,
    Bad,
    but_for,
    count_from_one,
    is_no,
    is_no_count,
    is_no_dict,
    is_no_flag,
    is_no_list,
    is_no_number,
    is_no_text,
    is_no_timeout,
    maybe_empty,
    of,
    sending,
    spawning,
    synchronous,
)

REFUSED: Final[dict[str, list[Bad]]] = {
    # -- process
    "process.Message.reply.value": [(1, "was sent, not called: nobody waits for a reply")],
    **sending("process.send"),
    "process.send.payload": NOT_TO_COPY,
    **sending("process.deliver"),
    "process.deliver.payload": NOT_TO_COPY,
    **sending("process.call"),
    "process.call.payload": NOT_TO_COPY,
    **of("process.call.timeout", is_no_timeout),
    "process.cancel.dest": NO_DEST,
    **of("process.cancel.reason", maybe_empty),
    "process.terminate.dest": NO_DEST,
    **of("process.terminate.reason", maybe_empty),
    "process.info.dest": but_for(NO_DEST, None),
    "process.link.dest": NO_DEST,
    "process.unlink.dest": NO_DEST,
    "process.monitor.dest": NO_DEST,
    "process.unmonitor.dest": NO_DEST,
    "process.listen.topic": NO_TOPIC,
    **of("process.listen.message", is_no_flag),
    "process.unlisten.channel": [
        (5, "not a channel of listen(), or no longer: int"),
        (HOSTILE, "not a channel of listen(), or no longer: Hostile"),
    ],
    "process.registry.register.name": NO_NAME,
    "process.registry.register.pid": but_for(NO_DEST, None),
    **of("process.registry.lookup.name", is_no_text),
    **of("process.registry.unregister.name", is_no_text),
    "process.registry.wait.name": NO_NAME,
    **of("process.registry.wait.timeout", is_no_timeout),
    **of("process.set_options.trap_links", is_no_flag, None),
    "process.with_context.values": is_no_dict("context values"),
    "process.with_name.name": NO_NAME,
    "process.Spawner.with_context.values": is_no_dict("context values"),
    "process.Spawner.with_name.name": NO_NAME,
    **{key: bad for how in SPAWNS for key, bad in spawning(f"process.{how}").items()},
    **{f"process.{how}.args": NOT_TO_COPY for how in SPAWNS},
    **{key: bad for how in SPAWNS for key, bad in spawning(f"process.Spawner.{how}").items()},
    **{f"process.Spawner.{how}.args": NOT_TO_COPY for how in SPAWNS},
    # -- channel
    **{
        f"channel.{name}.size": [
            (-1, "a channel's size cannot be negative: -1"),
            (1.5, "a channel's size is a whole number or math.inf, not 1.5"),
            (math.nan, "a channel's size is a whole number or math.inf, not nan"),
            (True, "a channel's size is a whole number or math.inf, not True"),
            ("x", "a channel's size is a whole number or math.inf, not 'x'"),
            (None, "a channel's size is a whole number or math.inf, not None"),
            (HOSTILE, "a channel's size is a whole number or math.inf, not Hostile"),
        ]
        for name in ("new", "Channel")
    },
    "channel.SendCase.channel": is_no("channel", "a Channel"),
    "channel.case_call.fn": [
        (5, "fn: expected an async function, got int"),
        (HOSTILE, "fn: expected an async function, got Hostile"),
        (synchronous, "fn: expected an async function, got the 'def' synchronous"),
    ],
    "channel.select.cases": [
        (5, "select: argument 1 is no case: 5; give a channel"),
        (None, "select: argument 1 is no case: None; give a channel"),
        (HOSTILE, "select: argument 1 is no case: Hostile; give a channel"),
        ((channel.Channel(1), "x"), "select: argument 2 is no case: 'x'; give a channel"),
    ],
    **of("channel.select.default", is_no_flag),
    # -- time
    "time.after.duration": NO_DURATION,
    "time.parse_duration.duration": NO_DURATION,
    "time.sleep.duration": NO_DURATION,
    "time.timer.duration": NO_DURATION,
    "time.Timer.duration": NO_DURATION,
    "time.Timer.reset.duration": NO_DURATION,
    **{
        f"time.{name}.period": [
            *NO_DURATION,
            (0, "a ticker's period must be finite, and at least 1ns: 0"),
            (-1, "a ticker's period must be finite, and at least 1ns: -1"),
            (math.inf, "a ticker's period must be finite, and at least 1ns: inf"),
        ]
        for name in ("ticker", "Ticker")
    },
    # -- coroutine, io, logger
    "coroutine.spawn.fn": NO_TARGET,
    "coroutine.spawn.args": [((1, 2), "too many positional arguments (2 arguments given)")],
    **of("coroutine.Coroutine.cancel.reason", maybe_empty),
    **of("io.print.sep", maybe_empty),
    **of("io.print.end", maybe_empty),
    **of("io.eprint.sep", maybe_empty),
    **of("io.eprint.end", maybe_empty),
    **of("io.write.text", maybe_empty),
    **of("io.read.n", count_from_one),
    **of("io.readline.prompt", maybe_empty),
    **of("io.readline.password", is_no_flag),
    "io.readline.completer": [
        (5, "completer: expected a function, or a list of str, got int"),
        ("words", "completer: expected a function, or a list of str, got str"),
        (HOSTILE, "completer: expected a function, or a list of str, got Hostile"),
        ([5], "completer: expected str, got int"),
    ],
    **of("io.status.text", maybe_empty),
    **of("io.Status.update.text", maybe_empty),
    **of("io.progress.description", maybe_empty),
    "io.progress.total": [
        *but_for(is_no_number("total"), None),
        (-1, "total: expected float >= 0.0, got -1"),
    ],
    **of("io.Progress.advance.by", is_no_number),
    **of("io.Progress.update.completed", is_no_number, None),
    **of("io.Progress.update.total", is_no_number, None),
    **of("io.Progress.update.description", maybe_empty, None),
    **of("logger.Logger.name", is_no_text, None),
    **of("logger.Logger.fields", is_no_dict, None),
    **of("logger.named.name", is_no_text, None),
    **of("logger.Logger.named.name", is_no_text, None),
    # -- the libraries
    **of("ctx.get.key", maybe_empty),
    **of("env.get.name", is_no_text),
    **of("events.send.system", is_no_text),
    **of("events.send.kind", is_no_text),
    **of("events.send.path", maybe_empty),
    **of("events.send.data", is_no_dict, None),
    **of("events.subscribe.system", is_no_text),
    **of("events.subscribe.kind", is_no_text, None),
    **of("events.subscribe.size", count_from_one),
    **{
        f"funcs.{name}.target": [*NO_TARGET, ("app:memory", "app:memory is a store.memory")]
        for name in ("call", "start", "Caller.call", "Caller.start")
    },
    **{
        f"funcs.{name}.args": [((1, 2, 3), "too many positional arguments (3 arguments given)")]
        for name in ("call", "start", "Caller.call", "Caller.start")
    },
    "funcs.with_context.values": is_no_dict("context values"),
    "funcs.Caller.with_context.values": is_no_dict("context values"),
    **of("funcs.with_timeout.timeout", is_no_timeout),
    **of("funcs.Caller.with_timeout.timeout", is_no_timeout),
    **of("funcs.Future.cancel.reason", maybe_empty),
    "pg.scope.name": is_no_text("scope"),
    "pg.Scope.name": is_no_text("scope"),
    **{
        key: bad
        for name in ("pg", "pg.Scope")
        for key, bad in {
            **of(f"{name}.join.group", is_no_text),
            f"{name}.join.pid": but_for(NO_DEST, None),
            **of(f"{name}.leave.group", is_no_text),
            f"{name}.leave.pid": but_for(NO_DEST, None),
            **of(f"{name}.members.group", is_no_text),
            **of(f"{name}.monitor.group", is_no_text),
            **of(f"{name}.broadcast.group", is_no_text),
            f"{name}.broadcast.topic": NO_TOPIC,
            f"{name}.broadcast.payload": NOT_TO_COPY,
        }.items()
    },
    **{
        key: bad
        for name in ("get", "set", "has", "delete")
        for key, bad in {
            **of(f"store.{name}.key", is_no_text),
            **of(f"store.{name}.store", maybe_empty),
        }.items()
    },
    **{
        key: bad
        for name in ("keys", "items")
        for key, bad in {
            **of(f"store.{name}.store", maybe_empty),
            **of(f"store.{name}.prefix", maybe_empty),
            **of(f"store.{name}.limit", is_no_count, None),
        }.items()
    },
    "store.set.value": NOT_TO_COPY,
    "store.set.ttl": [
        *but_for(is_no_timeout("ttl"), None),
        (0, "ttl: what is kept for 0 is not kept at all"),
    ],
    **of("registry.get.id", maybe_empty),
    **of("registry.Snapshot.get.id", maybe_empty),
    **{
        key: bad
        for name in ("registry.find", "registry.Snapshot.find")
        for key, bad in {
            **of(f"{name}.kind", is_no_text, None),
            **of(f"{name}.namespace", is_no_text, None),
            **of(f"{name}.meta", is_no_dict, None),
        }.items()
    },
    **of("registry.go_back.number", count_from_one),
    "registry.Changes.create.entry": [
        *is_no_dict("entry"),
        ({}, "an entry needs an id such as 'app:name', and this has None"),
        ({"id": HOSTILE}, "an entry needs an id such as 'app:name', and this has Hostile"),
    ],
    **of("registry.Changes.update.id", is_no_text),
    **of("registry.Changes.update.fields", is_no_dict),
    **of("registry.Changes.delete.id", is_no_text),
    **{
        key: bad
        for name in ("registry.Entry", "kinds.Entry")
        for key, bad in {
            **of(f"{name}.fault.message", maybe_empty),
            **of(f"{name}.fault.hint", maybe_empty),
            f"{name}.fault.path": [(HOSTILE, "path: expected str or int, got Hostile")],
            **of(f"{name}.where.key", is_no_flag),
            f"{name}.where.path": [(HOSTILE, "path: expected str or int, got Hostile")],
        }.items()
    },
    **of("kinds.Kind.name", is_no_text),
    "kinds.Kind.spec": [
        *is_no("a.b: spec", "a class below kinds.Spec"),
        (int, "a.b: spec: expected a class below kinds.Spec, got int"),
    ],
    "kinds.Kind.references": [
        ([], "a.b: references: expected a tuple of Reference, got list"),
        (("host",), "a.b: references: expected a Reference, got str"),
    ],
    "kinds.Kind.check": but_for(is_no("a.b: check", "a function"), None),
    "kinds.Kind.run": but_for(is_no("a.b: run", "a function"), None),
    "kinds.Reference.path": [
        ("host", "path: expected a tuple of str, got str"),
        ((5,), "a part of path: expected str, got int"),
    ],
    "kinds.Reference.kinds": [
        (kinds.HOSTS[0], "kinds: expected a tuple of str, got str"),
        ((None,), "a part of kinds: expected str, got nothing"),
    ],
    # -- testing
    **of("testing.App.stop.reason", maybe_empty),
    **of("testing.FakeTerminal.args", is_no_list),
    **of("testing.FakeTerminal.interactive", is_no_flag),
    **of("testing.FakeTerminal.color", is_no_flag),
    **of("testing.FakeTerminal.type_line.line", maybe_empty),
    **of("testing.FakeTerminal.wait_for.text", is_no_text),
    "testing.Faults.runtime": is_no("runtime", "a runtime"),
    "testing.Faults.crash.dest": NO_DEST,
    "testing.Faults.crash.error": but_for(is_no("error", "an Exception"), None),
    **of("testing.Faults.crash_starts.entry", is_no_text),
    **of("testing.Faults.crash_starts.times", is_no_count),
    "testing.Faults.crash_starts.error": but_for(is_no("error", "an Exception"), None),
    **of("testing.Faults.delay.topic", is_no_text),
    **of("testing.Faults.delay.by", is_no_timeout),
    **of("testing.Faults.delay.to", is_no_text),
    **of("testing.Faults.delay.times", is_no_count, None),
    **of("testing.Faults.drop.topic", is_no_text),
    **of("testing.Faults.drop.to", is_no_text),
    **of("testing.Faults.drop.times", is_no_count, None),
    **of("testing.Faults.replace.entry", is_no_text),
    "testing.Faults.replace.fn": NO_TARGET,
    **sending("testing.Probe.send"),
    "testing.Probe.send.payload": NOT_TO_COPY,
    **sending("testing.Probe.call"),
    "testing.Probe.call.payload": NOT_TO_COPY,
    **of("testing.Probe.call.timeout", is_no_timeout),
    "testing.Probe.expect.topic": NO_TOPIC,
    **of("testing.Probe.expect.sender", is_no_text, None),
    **of("testing.Probe.expect.timeout", is_no_timeout),
    "testing.Probe.expect_event.kind": is_no("kind", "a kind of event"),
    **of("testing.Probe.expect_event.sender", is_no_text, None),
    **of("testing.Probe.expect_event.timeout", is_no_timeout),
    **of("testing.Probe.expect_exit.pid", is_no_text),
    **of("testing.Probe.expect_exit.timeout", is_no_timeout),
    **of("testing.Probe.expect_nothing.within", is_no_timeout),
    "testing.Probe.link.dest": NO_DEST,
    "testing.Probe.monitor.dest": NO_DEST,
    "testing.Probe.run_sync.fn": is_no("fn", "a function"),
    **{
        key: bad
        for how in ("spawn", "spawn_linked", "spawn_monitored")
        for key, bad in spawning(f"testing.Probe.{how}").items()
    },
    **{
        f"testing.Probe.{how}.args": NOT_TO_COPY
        for how in ("spawn", "spawn_linked", "spawn_monitored")
    },
    "testing.open_app.source": is_no("source", "a folder"),
    **of("testing.open_app.target", is_no_text, None),
    **of("testing.open_app.lines", is_no_list),
    **of("testing.open_app.args", is_no_list),
    **of("testing.open_app.overrides", is_no_list),
    "testing.open_app.terminal": but_for(is_no("terminal", "a FakeTerminal"), None),
    "testing.open_probe.runtime": is_no("runtime", "a runtime"),
    "testing.open_probe.name": but_for(NO_NAME, None),
    # -- embedding
    "open_runtime.source": [
        (5, "source: expected a folder or a registry, got int"),
        (b"x", "source: expected a folder or a registry, got bytes"),
        (HOSTILE, "source: expected a folder or a registry, got Hostile"),
        ("", "source: expected str of length >= 1, got ''"),
        (None, "overrides go with a folder, and there is none"),
    ],
    **of("open_runtime.overrides", is_no_list, None),
    "open_runtime.terminal": but_for(is_no("terminal", "a terminal"), None),
    **of("open_runtime.auto_start", is_no_flag),
    "Runtime.attach.name": but_for(NO_NAME, None),
    **sending("Runtime.send"),
    "Runtime.send.payload": NOT_TO_COPY,
    **sending("Runtime.call"),
    "Runtime.call.payload": NOT_TO_COPY,
    **of("Runtime.call.timeout", is_no_timeout),
    "Runtime.cancel.dest": NO_DEST,
    **of("Runtime.cancel.reason", maybe_empty),
    **of("Runtime.cancel.sender", is_no_text, None),
    "Runtime.terminate.dest": NO_DEST,
    **of("Runtime.terminate.reason", maybe_empty),
    **of("Runtime.events.system", is_no_text),
    **of("Runtime.events.kind", is_no_text, None),
    **of("Runtime.events.size", count_from_one),
    "Runtime.info.dest": NO_DEST,
    "Runtime.run.target": NO_TARGET,
    "Runtime.run.host": [
        *but_for(is_no_text("host"), None),
        (None, "outside a process a host must be named"),
    ],
    "Runtime.run.args": NOT_TO_COPY,
    "Runtime.spawn.target": NO_TARGET,
    "Runtime.spawn.host": [
        *but_for(is_no_text("host"), None),
        (None, "outside a process a host must be named"),
    ],
    "Runtime.spawn.args": NOT_TO_COPY,
    "Runtime.start.ids": is_no_text("id"),
    "Runtime.start_host.id": [
        *is_no_text("id", empty=True),
        ("", "not an id for a host: ''; it stands in PIDs"),
        ("a|b", "not an id for a host: 'a|b'; it stands in PIDs"),
        ("a\nb", "not an id for a host: 'a\\nb'; it stands in PIDs"),
        *(
            (own, f"not an id for a host: '{own}' is one of the runtime's own")
            for own in ("attached", "functions", "kinds", "testing")
        ),
    ],
    **of("Runtime.start_host.mailbox", is_no_count),
    **of("Runtime.start_host.max_processes", is_no_count),
    **of("Runtime.start_host.allow", is_no_list),
    **of("Runtime.start_host.stop_timeout", is_no_timeout),
    "Runtime.start_host.terminal": but_for(is_no("terminal", "a terminal"), None),
    **of("Runtime.stop.reason", maybe_empty),
    **of("Runtime.stop_host.id", is_no_text),
    **of("Runtime.stop_host.reason", maybe_empty),
    **of("Runtime.stop_service.id", is_no_text),
    **of("Runtime.stop_service.reason", maybe_empty),
    **of("Runtime.restart_service.id", is_no_text),
    **of("Runtime.restart_service.reason", maybe_empty),
    **of("Runtime.wait_service.id", is_no_text),
    "Runtime.wait_service.states": is_no("state", "a ServiceState"),
    **of("Runtime.wait_service.timeout", is_no_timeout),
}

TAKES_ANYTHING: Final = frozenset(
    {
        # what travels through a channel
        "channel.Channel.case_send.value",
        "channel.Channel.send.value",
        "channel.Channel.send_nowait.value",
        "channel.SendCase.value",
        # what is handed to a function of the caller's own
        "channel.case_call.args",
        "testing.Probe.run_sync.args",
        "testing.Probe.run_sync.kwargs",
        "testing.puppet.args",
        # what is given back where there is nothing
        "ctx.get.default",
        "env.get.default",
        "store.get.default",
        # what is compared
        "testing.Probe.expect.data",
        # what is printed or logged, as `str` shows it
        "io.Live.update.objects",
        "io.eprint.objects",
        "io.print.objects",
        *(f"logger.{how}.message" for how in LOGS),
        *(f"logger.{how}.fields" for how in (*LOGS, "bind")),
        *(f"logger.Logger.{how}.message" for how in LOGS),
        *(f"logger.Logger.{how}.fields" for how in (*LOGS, "bind")),
        # what a process ends with, when it is wrong
        "process.upgrade.args",
        "process.upgrade.target",
    }
)
"""The parameters that any value is right for, and why."""
