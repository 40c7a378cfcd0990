"""The child that does what it is told."""

from __future__ import annotations

import pytest

from echosvc import Runtime, errors
from echosvc.testing import Probe, puppet

HOST = "app:processes"


@pytest.mark.parametrize(
    ("order", "kind", "text"),
    [
        (ValueError("boom"), ValueError, "boom"),
        ("words", RuntimeError, "words"),
        (None, RuntimeError, "told to fail"),
    ],
)
async def test_fails_as_told(
    runtime: Runtime, probe: Probe, order: object, kind: type, text: str
) -> None:
    pid = probe.spawn_monitored(puppet, HOST)
    probe.send(pid, "fail", order)
    error = (await probe.expect_exit(pid)).error
    assert type(error) is kind
    assert str(error) == text


async def test_obeys_a_cancel_unless_it_is_deaf(runtime: Runtime, probe: Probe) -> None:
    obedient, deaf = (probe.spawn_monitored(puppet, HOST) for _ in range(2))
    probe.send(deaf, "deaf")
    await probe.expect_nothing()
    for pid in (obedient, deaf):
        runtime.cancel(pid)
    assert (await probe.expect_exit(obedient)).value == "cancelled"
    await probe.expect_nothing("1m")
    probe.send(deaf, "return", "as told")
    assert (await probe.expect_exit(deaf)).value == "as told"


async def test_refuses_an_order_that_it_does_not_know(runtime: Runtime, probe: Probe) -> None:
    pid = probe.spawn_monitored(puppet, HOST)
    probe.send(pid, "dance")
    assert isinstance((await probe.expect_exit(pid)).error, errors.Invalid)
