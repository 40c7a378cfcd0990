"""Context values, and what they follow."""

from __future__ import annotations

from typing import Any

import pytest

from echosvc import Runtime, coroutine, ctx, process
from echosvc.errors import Invalid, NotFound, Unavailable
from tests.runtime.helpers import as_process


async def everything() -> dict[str, Any]:
    return ctx.all()


async def test_values_reach_what_is_started_with_them(runtime: Runtime) -> None:
    async def main() -> None:
        starter = process.with_context({"user": 7}).with_context({"locale": "de"})
        assert await starter.exec(everything) == {"user": 7, "locale": "de"}
        assert ctx.all() == {}

    await as_process(runtime, main)


async def test_values_follow_to_grandchildren_which_may_have_others(runtime: Runtime) -> None:
    async def child() -> Any:
        assert ctx.get("user") == 7
        return await process.with_context({"user": 8, "depth": 2}).exec(everything)

    async def main() -> None:
        starter = process.with_context({"user": 7, "locale": "de"})
        assert await starter.exec(child) == {"user": 8, "locale": "de", "depth": 2}

    await as_process(runtime, main)


async def test_values_hold_in_coroutines_and_after_an_upgrade(runtime: Runtime) -> None:
    async def second() -> Any:
        return await coroutine.spawn(everything).result()

    async def first() -> None:
        await process.upgrade(second)

    async def main() -> None:
        assert await process.with_context({"user": 7}).exec(first) == {"user": 7}

    await as_process(runtime, main)


async def test_a_value_that_is_not_there_is_its_default_or_an_error(runtime: Runtime) -> None:
    async def child() -> None:
        assert ctx.get("user", None) is None
        with pytest.raises(NotFound, match=r"no context value 'user' \(there are: locale\)"):
            ctx.get("user")

    async def main() -> None:
        await process.with_context({"locale": "de"}).exec(child)

    await as_process(runtime, main)


async def test_values_are_snapshots_each_time(runtime: Runtime) -> None:
    values = {"roles": ["reader"]}

    async def child() -> None:
        ctx.get("roles").append("writer")
        ctx.all()["roles"].append("writer")
        assert ctx.get("roles") == ["reader"]

    async def main() -> None:
        starter = process.with_context(values)
        values["roles"].append("late")
        await starter.exec(child)

    await as_process(runtime, main)


async def test_values_that_are_no_dict_are_refused(runtime: Runtime) -> None:
    async with runtime.attach():
        with pytest.raises(Invalid, match="expected a dict"):
            process.with_context(["user"])  # type: ignore[arg-type]  # what is tested


def test_outside_a_process_there_are_none() -> None:
    with pytest.raises(Unavailable):
        ctx.get("user", 7)
