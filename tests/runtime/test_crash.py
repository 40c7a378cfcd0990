"""How a failure is told in the log: once, and beginning in the user's code."""

from __future__ import annotations

import traceback

import pytest
import trio

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
    assert record.getMessage() == "process crashed"
    assert record.name == "echosvc.process"
    assert record.fields == {  # type: ignore[attr-defined]  # set with extra=
        "pid": pid,
        "entry": "tests.runtime.test_crash.raises",
        "error": "Failure: deep",
    }
    assert record.exc_info is not None
    frames = traceback.extract_tb(record.exc_info[2])
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
    (linked,) = records.named("process ended")
    assert "linked process" in linked.fields["reason"]  # type: ignore[attr-defined]  # as above
    assert linked.levelname == "INFO"


async def test_termination_is_no_crash(runtime: Runtime, records: Records) -> None:
    runtime.terminate(runtime.spawn(forever, HOST))
    await settle()
    assert records.errors == []
    assert len(records.named("process ended")) == 1


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
    from echosvc._runtime import crash

    namespace: dict[str, object] = {}
    file = crash._PACKAGE.rstrip("/") + "_application/main.py"
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
