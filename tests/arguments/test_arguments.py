"""Nothing is taken unchecked: each public argument, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio.testing

from echosvc.errors import Invalid
from tests.arguments import public
from tests.arguments.calls import CALLS, perform, undescribed
from tests.arguments.table import REFUSED, TAKES_ANYTHING
from tests.arguments.world import World, in_world


def test_every_public_parameter_is_decided_upon() -> None:
    parameters = public.all_parameters()
    assert parameters - REFUSED.keys() - TAKES_ANYTHING == set()
    assert (REFUSED.keys() | TAKES_ANYTHING) - parameters == set()
    assert REFUSED.keys() & TAKES_ANYTHING == set()
    assert undescribed() == set()


@pytest.mark.parametrize("parameter", REFUSED)
async def test_a_wrong_argument_is_refused_and_nothing_was_done(
    autojump_clock: trio.testing.MockClock, folder: Path, parameter: str
) -> None:
    name, _, argument = parameter.rpartition(".")

    async def body(world: World) -> None:
        for bad, words in REFUSED[parameter]:
            fn, given = CALLS[name](world)
            before = world.seen()
            with pytest.raises(Invalid) as info:
                await perform(fn, {**given, argument: bad})
            assert words in str(info.value)
            assert "\n" not in str(info.value)
            assert world.seen() == before

    await in_world(folder, body)
