from __future__ import annotations

import pytest
from trio.testing import MockClock, wait_all_tasks_blocked

from echosvc import errors, process
from echosvc.testing import open_app, open_probe
from tests.applications.helpers import MANIFESTS, piped, screen_of

HELP = "set KEY VALUE, get KEY, delete KEY, keys, crash, quit\n"


async def test_the_shell_sets_gets_and_deletes(autojump_clock: MockClock) -> None:
    lines = ["set a 'one two'", "get a", "get b", "delete a", "keys", '"', "what?", "quit"]
    assert await screen_of("key_value", "app:shell", lines=lines) == (
        f"{HELP}"
        "> set a 'one two'\n1 keys\n"
        "> get a\none two\n"
        "> get b\nerror: no key b\n"
        "> delete a\none two\n"
        "> keys\nnone\n"
        '> "\nerror: No closing quotation\n'
        f"> what?\n{HELP}"
        "> quit\n"
    )


async def test_a_store_that_crashed_is_back_with_nothing_in_it(autojump_clock: MockClock) -> None:
    screen = await screen_of("key_value", "app:shell", lines=["set a 1", "crash", "keys"])
    assert "the store has crashed, and is back as {app:processes|0x00003}" in screen
    assert "> keys\nnone\n" in screen


async def test_several_clients_see_the_same_data(autojump_clock: MockClock) -> None:
    async with (
        open_app(MANIFESTS / "key_value") as app,
        open_probe(app.runtime) as one,
        open_probe(app.runtime) as other,
    ):
        assert await one.call("store", "set", "k", {"n": [1]}) == 1
        got = await other.call("store", "get", "k")
        got["n"].append(2)  # a snapshot: the store's own is as it was
        assert await one.call("store", "get", "k") == {"n": [1]}
        with pytest.raises(errors.NotFound, match="no key z"):
            await one.call("store", "delete", "z")
        one.send("store", "nonsense")
        assert await one.call("store", "keys") == ["k"]
        assert one.run_sync(process.registry.lookup, "store") in app.runtime.list()


async def test_a_cancel_ends_the_shell_and_the_store_at_once(autojump_clock: MockClock) -> None:
    async with open_app(MANIFESTS / "key_value", "app:shell") as app:
        app.terminal.type_line("crash")
        await app.terminal.wait_for("is back")
        await wait_all_tasks_blocked()
        assert await app.stop() == 0


def test_a_pipe_goes_in_and_the_answers_come_out() -> None:
    done = piped("key_value", "shell", stdin="set a 1\nget a\n")
    assert done.stdout == f"{HELP}1 keys\n1\n"
    assert done.returncode == 0
