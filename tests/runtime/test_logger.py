"""What processes log: ordinary records, with fields and the place of who wrote them."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from echosvc import Runtime, coroutine, logger, process
from echosvc._runtime.program import Program
from tests.runtime.conftest import Records
from tests.runtime.helpers import HOST, as_process

LEVELS = [
    (logger.debug, logging.DEBUG),
    (logger.info, logging.INFO),
    (logger.warn, logging.WARNING),
    (logger.error, logging.ERROR),
]


def fields(record: logging.LogRecord) -> dict[str, Any]:
    found: dict[str, Any] = record.__dict__["fields"]
    return found


@pytest.mark.parametrize(("write", "level"), LEVELS)
async def test_a_record_has_its_level_its_fields_and_the_pid_first(
    runtime: Runtime, records: Records, write: Any, level: int
) -> None:
    async def main() -> str:
        write("worked for 100%", worker="w", result=0)
        return process.pid()

    pid = await runtime.run(Program("app:main", main), HOST)
    (record,) = records.named("worked for 100%")
    assert (record.levelno, record.name) == (level, "echosvc.app.app.main")
    assert list(fields(record).items()) == [("pid", pid), ("worker", "w"), ("result", 0)]


@pytest.mark.parametrize(("write", "level"), LEVELS)
async def test_what_nobody_wants_to_see_is_no_record(
    runtime: Runtime, records: Records, write: Any, level: int
) -> None:
    async def main() -> None:
        write("unseen")

    logging.getLogger("echosvc").setLevel(level + 1)
    await as_process(runtime, main)
    assert records.named("unseen") == []


async def test_a_record_names_the_line_of_who_wrote_it(runtime: Runtime, records: Records) -> None:
    async def main() -> None:
        logger.info("plain")
        logger.named("n").warn("named")

    await as_process(runtime, main)
    for text in ("plain", "named"):
        (record,) = records.named(text)
        assert (record.pathname, record.funcName) == (__file__, "main")


@pytest.mark.parametrize("method", ["debug", "info", "warn", "error"])
async def test_bound_fields_go_with_each_record_and_its_own_come_last(
    runtime: Runtime, records: Records, method: str
) -> None:
    async def main() -> None:
        outer = logger.bind(request=7, user="ann")
        inner = outer.bind(user="bob", pid="other")
        getattr(outer, method)("outer", step=1)
        getattr(inner, method)("inner", message="a field may have this name", step=2)

    await as_process(runtime, main)
    (outer,), (inner,) = records.named("outer"), records.named("inner")
    assert fields(outer) | {"pid": None} == {"pid": None, "request": 7, "user": "ann", "step": 1}
    assert fields(inner) == {
        "request": 7,
        "user": "bob",
        "pid": "other",
        "message": "a field may have this name",
        "step": 2,
    }


async def test_a_name_takes_the_place_of_the_entrys(runtime: Runtime, records: Records) -> None:
    async def main() -> None:
        logger.named("shop").info("one")
        logger.bind(user="ann").named("shop.cart").info("two")
        logger.named("shop").bind(user="ann").info("three")

    await as_process(runtime, main)
    found = {record.getMessage(): record for record in records.all if "app" in record.name}
    assert [found[text].name for text in ("one", "two", "three")] == [
        "echosvc.app.shop",
        "echosvc.app.shop.cart",
        "echosvc.app.shop",
    ]
    assert [fields(found[text]).get("user") for text in ("one", "two", "three")] == [
        None,
        "ann",
        "ann",
    ]


async def test_a_coroutine_logs_as_its_process(runtime: Runtime, records: Records) -> None:
    async def main() -> str:
        async def inner() -> None:
            logger.info("from a coroutine")

        await coroutine.spawn(inner).result()
        return process.pid()

    pid = await as_process(runtime, main)
    assert fields(records.named("from a coroutine")[0]) == {"pid": pid}


def test_outside_of_a_process_there_is_no_pid(records: Records) -> None:
    logger.info("outside", step=1)
    (record,) = records.named("outside")
    assert (record.name, fields(record)) == ("echosvc.app.main", {"step": 1})
