"""Random programs under a supervisor keep the rules, whoever orders or fails what and when."""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable, Iterator

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.schedules import schedule
from tests.supervision.programs import SELF, Body, Order, Plan, Program, Run, World, play

STRATEGIES = ("one_for_one", "one_for_all", "rest_for_one")
CHILDREN = 4

TIMES = st.sampled_from((0.0, 0.0, 0.25, 0.5, 1.0, 2.0))
VERBS = ("start", "start", "restart", "restart", "stop", "remove", "cancel")


def orders(verbs: tuple[str, ...] = VERBS, *, by_child: bool = False) -> st.SearchStrategy[Order]:
    return st.builds(
        Order,
        st.sampled_from(verbs),
        st.integers(SELF if by_child else 0, CHILDREN - 1),
        st.sampled_from((math.inf, math.inf, 0.25, 1.0)),
    )


def runs(*, with_orders: bool, strategy: str) -> st.SearchStrategy[Run]:
    given = st.none()
    shielded = st.just(False)
    if with_orders:
        given = st.none() | orders(by_child=True)
    plain = st.builds(
        Run,
        before=TIMES,
        start=st.sampled_from(("up", "up", "up", "fails", "returns")),
        lasts=st.sampled_from((0.0, 0.25, 0.5, 1.0, 3.0, math.inf)),
        ends=st.sampled_from(("fails", "fails", "returns")),
        order=given,
        shielded=shielded,
        cleanup=TIMES,
    )
    if not with_orders or strategy == "one_for_one":
        return plain
    # Two that stop each other, both shielded, wait for each other for ever, as any two tasks do.
    # To start and to restart is refused where that would come to the same.
    shielding = st.builds(
        Run,
        before=TIMES,
        lasts=st.sampled_from((0.0, 0.25, 0.5, 1.0)),
        order=orders(("start", "restart"), by_child=True),
        shielded=st.just(True),
        cleanup=TIMES,
    )
    return plain | plain | shielding


@st.composite
def programs(draw: st.DrawFn, strategy: str) -> Program:
    with_orders = draw(st.sampled_from((True, True, False)))
    plans = st.builds(
        Plan,
        restart=st.sampled_from(("permanent", "permanent", "transient", "temporary")),
        delay=st.sampled_from((0.0, 0.0, 0.5, 1.0)),
        max_attempts=st.sampled_from((0, 0, 2)),
        says_ready=st.booleans(),
        stop_timeout=st.sampled_from((5.0, 5.0, 5.0, 0.25, 0.0)),
        runs=st.lists(runs(with_orders=with_orders, strategy=strategy), max_size=4),
    )
    drivers = st.lists(st.lists(st.tuples(TIMES, orders()), max_size=6), max_size=3)
    return Program(
        strategy,
        plans=draw(st.lists(plans, min_size=CHILDREN, max_size=CHILDREN)),
        max_restarts=draw(st.sampled_from((None, None, 0, 1, 3, 5))),
        within=draw(st.sampled_from((1.0, 4.0))),
        first=draw(st.integers(1, CHILDREN)),
        drivers=draw(drivers) if with_orders else [],
        lasts=draw(st.sampled_from((1.0, 3.0, 20.0))),
        cancelled=draw(st.booleans()),
    )


def run(program: Program, seed: int, next_run: Callable[[Body], Run] | None = None) -> World:
    with schedule(seed):
        clock = trio.testing.MockClock(autojump_threshold=0)
        return trio.run(play, program, next_run, clock=clock)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "echosvc.supervision")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_random_programs_keep_the_rules(strategy: str) -> None:
    @settings(max_examples=150)
    @given(program=programs(strategy), seed=st.integers(0, 2**16))
    def keep(program: Program, seed: int) -> None:
        assert run(program, seed).faults == []

    keep()


HOUR = 3600.0


def an_hour(strategy: str, seed: int) -> World:
    """A program that goes on for an hour: no end of runs, and of orders by four who give them."""
    rng = random.Random(seed)
    names = range(CHILDREN + 2)

    def order(verbs: tuple[str, ...] = VERBS, *, by_child: bool = False) -> Order:
        whom = rng.choice([SELF, *names] if by_child else names)
        return Order(rng.choice(verbs), whom, rng.choice((math.inf, math.inf, 1.0, 5.0)))

    def a_run(_: object) -> Run:
        shielded = strategy != "one_for_one" and rng.random() < 0.05
        given = None
        if shielded or rng.random() < 0.2:
            given = order(("start", "restart") if shielded else VERBS, by_child=True)
        return Run(
            before=rng.choice((0.0, 0.0, 0.25, 1.0)),
            start=rng.choice(("up", "up", "up", "up", "fails", "returns")),
            lasts=rng.choice((0.25, 0.5, 1.0, 5.0, 20.0, 60.0)),
            ends=rng.choice(("fails", "fails", "returns")),
            order=given,
            shielded=shielded,
            cleanup=rng.choice((0.0, 0.0, 0.25, 1.0, 2.0)),
        )

    def plan() -> Plan:
        return Plan(
            restart=rng.choice(("permanent", "permanent", "transient", "temporary")),
            delay=rng.choice((0.0, 0.5, 1.0, 5.0)),
            max_attempts=rng.choice((0, 0, 0, 3)),
            says_ready=rng.random() < 0.6,
            stop_timeout=rng.choice((5.0, 5.0, 0.25, 0.0)),
        )

    def script() -> Iterator[tuple[float, Order]]:
        while True:
            yield rng.choice((0.0, 0.25, 1.0, 2.0, 10.0)), order()

    program = Program(
        strategy,
        plans=[plan() for _ in names],
        max_restarts=None,
        first=CHILDREN,
        drivers=[script() for _ in range(4)],
        lasts=HOUR,
        cancelled=seed % 2 == 0,
    )
    return run(program, seed, a_run)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_hour_of_random_orders_and_failures_keeps_the_rules(strategy: str, seed: int) -> None:
    world = an_hour(strategy, seed)
    assert world.faults == []
    assert world.begun > 1000
    assert world.orders > 2000
    assert len(world.restarts) > 300
