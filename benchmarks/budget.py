"""All rows of the budget: the work, who does it, what has to hold and what we are after.

The numbers are ratios: how many times as fast echosvc is as the same work written by hand on raw
trio, in the same round.
"""

from __future__ import annotations

from . import actors, channels, messages, processes, startup
from .measure import Row, Side, Work, on_asyncio, on_echosvc, on_trio
from .memory import idle


def _sides(trio: Work, echosvc: Work, asyncio: Work | None = None, **more: Side) -> dict[str, Side]:
    sides = {"trio": on_trio(trio), "echosvc": on_echosvc(echosvc)}
    if asyncio is not None:
        sides["asyncio"] = on_asyncio(asyncio)
    return {**sides, **more}


def _select(selectors: int) -> dict[str, Side]:
    return {
        "trio": on_trio(channels.turns(channels.select_trio, selectors)),
        "echosvc": on_trio(channels.turns(channels.select_echosvc, selectors)),
        "asyncio": on_asyncio(channels.turns(channels.select_asyncio, selectors)),
    }


def rows() -> list[Row]:
    """Give all rows, with the sides that can run here."""
    return [
        Row(
            "ping-pong between two processes",
            "round trip",
            10_000,
            _sides(
                messages.ping_pong_trio,
                messages.ping_pong_echosvc,
                messages.ping_pong_asyncio,
                **actors.sides("ping_pong"),
            ),
            hold=2.2,
            after=3.5,
        ),
        Row(
            "one producer, one consumer",
            "message",
            30_000,
            _sides(
                messages.one_trio,
                messages.one_echosvc,
                messages.one_asyncio,
                **actors.sides("produce"),
            ),
            hold=3.7,
            after=5.5,
        ),
        Row(
            "100 producers, one consumer",
            "message",
            30_000,
            _sides(messages.many_trio, messages.many_echosvc, messages.many_asyncio),
            hold=3.2,
            after=5,
        ),
        Row(
            "bare channel",
            "value",
            30_000,
            {
                "trio": on_trio(channels.bare_trio),
                "echosvc": on_trio(channels.bare_echosvc),
                "asyncio": on_asyncio(channels.bare_asyncio),
            },
            hold=8.5,
            after=12,
        ),
        Row(
            "select over two channels",
            "select",
            5_000,
            _select(channels.CROWD),
            hold=10,
            after=14,
        ),
        Row("the same, one task at a time", "select", 5_000, _select(1)),
        Row(
            "select, one at a time, between coroutines of a process",
            "select",
            5_000,
            _sides(
                channels.turns(channels.select_trio, 1),
                channels.alone_echosvc,
                channels.turns(channels.select_asyncio, 1),
            ),
            hold=9,
            after=14,
        ),
        Row(
            "receive with a timeout",
            "round trip",
            10_000,
            _sides(channels.timeout_trio, channels.timeout_echosvc, channels.timeout_asyncio),
            hold=1.9,
            after=3,
        ),
        Row(
            "spawn one, wait for its EXIT",
            "process",
            5_000,
            _sides(
                processes.spawn_trio,
                processes.spawn_echosvc,
                processes.spawn_asyncio,
                **actors.sides("spawn"),
            ),
            hold=1.6,
            after=2.1,
        ),
        Row(
            "spawn 10,000 at once",
            "process",
            10_000,
            _sides(processes.crowd_trio, processes.crowd_echosvc, processes.crowd_asyncio),
            hold=1.1,
            after=1.55,
        ),
        Row(
            "echo round trip",
            "round trip",
            3_000,
            _sides(messages.echo_trio, messages.echo_echosvc, messages.echo_asyncio),
            hold=1.5,
            after=2.0,
        ),
        Row(
            "supervised restart",
            "restart",
            3_000,
            {
                "trio": on_trio(processes.restart_trio),
                "echosvc": on_trio(processes.restart_echosvc),
                "asyncio": on_asyncio(processes.restart_asyncio),
            },
            hold=1.4,
            after=2.0,
        ),
        Row(
            "memory of an idle process",
            "bytes",
            20_000,
            {side: idle(side) for side in ("trio", "echosvc", "asyncio")},
            hold=1.0,
            after=1.2,
            gauge=True,
        ),
        Row(
            "from the command to the prompt",
            "seconds",
            1,
            {"trio": startup.imports, "echosvc": startup.prompt},
            hold=0.62,
            after=1.0,
            gauge=True,
        ),
    ]
