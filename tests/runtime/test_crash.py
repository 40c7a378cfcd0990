"""How a failure is told in the log: once, and beginning in the user's code."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest
import trio

import echosvc
from echosvc import Runtime, coroutine, process
from tests.runtime.conftest import Records
from tests.runtime.helpers import HOST, Failure, fail, forever, settle


async def raises() -> None:
    deeper()


def deeper() -> None:
    raise Failure("deep")


async def test_a_crash_is_logged_once_with_a_traceback_that_begins_in_user_code(
    runtime: Runtime, records: Records
) -> None:
    pid = runtime.spawn(raises, HOST)
    await settle()
    (record,) = records.errors
    assert record.getMessage() == (
        f"process {pid} (tests.runtime.test_crash.raises) crashed: Failure: deep"
    )
    assert record.name == "echosvc.process"
    assert record.fields == {  # type: ignore[attr-defined]  # set with extra=
        "pid": pid,
        "entry": "tests.runtime.test_crash.raises",
        "error": "Failure: deep",
    }
    assert record.exc_info is not None
    frames = traceback.extract_tb(record.exc_info[2])
    assert [frame.name for frame in frames] == ["raises", "deeper"]


async def test_a_crash_says_what_the_process_was_called(runtime: Runtime, records: Records) -> None:
    async def main() -> None:
        process.registry.register("relay")
        process.registry.register("front")
        raise Failure("as told")

    pid = runtime.spawn(main, HOST)
    await settle()
    (record,) = records.errors
    text = record.getMessage()
    assert text.startswith(f"process {pid} (tests.runtime.test_crash.")
    assert text.endswith(".main, named relay, front) crashed: Failure: as told")
    assert record.fields["names"] == ("relay", "front")  # type: ignore[attr-defined]  # as above
    assert set(record.said) == {"pid", "entry", "names", "error"}  # type: ignore[attr-defined]  # as above


async def test_a_second_failure_says_who_too(runtime: Runtime, records: Records) -> None:
    async def task() -> None:
        try:
            await forever()
        finally:
            raise Failure("of the coroutine")

    async def main() -> None:
        coroutine.spawn(task)
        await trio.lowlevel.checkpoint()
        raise Failure("of main")

    pid = runtime.spawn(main, HOST)
    await settle()
    second, first = (record.getMessage() for record in records.errors)
    assert first.startswith(f"process {pid} (")
    assert first.endswith(" crashed: Failure: of main")
    assert second.startswith(f"process {pid} (")
    assert second.endswith(" failed again while it was ending: Failure: of the coroutine")


async def test_the_error_itself_begins_in_user_code(runtime: Runtime) -> None:
    """The frames that have called main would be kept with all that is in them."""
    async with runtime.attach():
        process.spawn_monitored(raises, HOST)
        error = (await process.events().receive()).result.error
    assert error is not None
    frames = traceback.extract_tb(error.__traceback__)
    assert [frame.name for frame in frames] == ["raises", "deeper"]


async def test_a_coroutines_crash_begins_in_user_code_too(
    runtime: Runtime, records: Records
) -> None:
    async def main() -> None:
        coroutine.spawn(raises)
        await forever()

    runtime.spawn(main, HOST)
    await settle()
    (record,) = records.errors
    assert record.exc_info is not None
    assert traceback.extract_tb(record.exc_info[2])[0].name == "raises"


async def test_a_crash_with_monitors_and_links_is_logged_once(
    runtime: Runtime, records: Records
) -> None:
    async def main() -> None:
        process.spawn_linked_monitored(fail)
        await forever()

    runtime.spawn(main, HOST)
    await settle()
    assert len(records.errors) == 1
    (linked,) = records.named(" ended: ")
    assert "linked process" in linked.fields["reason"]  # type: ignore[attr-defined]  # as above
    assert linked.levelname == "INFO"


async def test_termination_is_no_crash(runtime: Runtime, records: Records) -> None:
    runtime.terminate(runtime.spawn(forever, HOST))
    await settle()
    assert records.errors == []
    assert len(records.named(" ended: ")) == 1


async def test_a_normal_end_is_not_logged(runtime: Runtime, records: Records) -> None:
    async def main() -> None: ...

    runtime.spawn(main, HOST)
    await settle()
    assert records.all == []


async def test_the_errors_of_a_group_are_all_named(runtime: Runtime, records: Records) -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(raises)

    runtime.spawn(main, HOST)
    await settle()
    (record,) = records.errors
    assert "Failure: deep" in record.fields["error"]  # type: ignore[attr-defined]  # as above


async def test_what_runs_beside_the_package_is_user_code(
    runtime: Runtime, records: Records
) -> None:
    """A folder may begin with the package's name."""
    namespace: dict[str, object] = {}
    file = f"{Path(echosvc.__file__).parent}_application/main.py"
    exec(compile("async def main():\n    1 / 0\n", file, "exec"), namespace)
    runtime.spawn(namespace["main"], HOST)  # type: ignore[arg-type]  # made of text
    await settle()
    (record,) = records.errors
    assert record.exc_info is not None
    assert traceback.extract_tb(record.exc_info[2])[0].filename == file


async def test_nothing_of_the_outside_is_touched(
    runtime: Runtime, capsys: pytest.CaptureFixture[str]
) -> None:
    import signal
    import sys

    before = (signal.getsignal(signal.SIGINT), sys.excepthook)
    runtime.spawn(fail, HOST)
    await settle()
    assert (signal.getsignal(signal.SIGINT), sys.excepthook) == before
    assert capsys.readouterr().out == ""
