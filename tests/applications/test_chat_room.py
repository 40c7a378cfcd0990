"""On the real clock: the sockets are real, and no clock that jumps would wait for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from echosvc import process
from echosvc.testing import App, FakeTerminal, open_app
from tests.applications.helpers import MANIFESTS

ROOM = MANIFESTS / "chat_room"


class Client:
    """Somebody with netcat."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.read = ""

    async def say(self, line: str) -> None:
        await self.stream.send_all(f"{line}\n".encode())

    async def hears(self, text: str) -> None:
        """Wait for a text; what came before it is passed over."""
        while text not in self.read:
            data = await self.stream.receive_some()
            assert data, f"the connection ended before {text!r}; there was {self.read!r}"
            self.read += data.decode()
        self.read = self.read.partition(text)[2]


class Room:
    """The room on a free port, and whoever has entered it."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.port = int(app.terminal.screen.split("port ")[1].split(".")[0])
        self.clients: list[Client] = []

    async def connect(self) -> Client:
        self.clients.append(Client(await trio.open_tcp_stream("127.0.0.1", self.port)))
        return self.clients[-1]

    async def enter(self, name: str) -> Client:
        client = await self.connect()
        await client.say(name)
        await client.hears("* here are: ")
        return client


@asynccontextmanager
async def open_room() -> AsyncIterator[Room]:
    async with open_app(ROOM, "app:serve", args=["0"]) as app:
        await app.terminal.wait_for("Ctrl-C closes it.\n")
        room = Room(app)
        try:
            yield room
        finally:
            for client in room.clients:
                client.stream.socket.close()


async def test_what_one_says_everybody_hears() -> None:
    async with open_room() as room:
        ann, bob = await room.enter("Ann"), await room.enter("Bob")
        await bob.hears("Ann\n")
        await ann.hears("* Bob has come\n")
        await ann.say("hello \x1b[31mall\x07")
        await bob.hears("Ann: hello [31mall\n")
        await ann.hears("Ann: hello [31mall\n")
        await bob.stream.aclose()
        await ann.hears("* Bob has gone\n")


async def test_a_name_is_used_once() -> None:
    async with open_room() as room:
        await room.enter("Ann")
        other = await room.connect()
        await other.say("Ann")
        await other.hears("* Ann is here already, enter another name\n")
        await other.say("Anna")
        await other.hears("* here are: Ann\n* Anna has come\n")


async def test_a_connection_that_fails_leaves_the_others_alone() -> None:
    async with open_room() as room:
        ann, bob = await room.enter("Ann"), await room.enter("Bob")
        async with room.app.runtime.attach():
            members = process.info("room").monitors
        room.app.runtime.terminate(members[0])
        await bob.hears("* Ann has gone\n")
        while await ann.stream.receive_some():
            pass  # what was on its way; then her connection is closed
        await bob.say("still here")
        await bob.hears("Bob: still here\n")


async def test_whoever_reads_too_slowly_is_shown_the_door() -> None:
    async with open_room() as room:
        ann, _ = await room.enter("Ann"), await room.enter("Slow")
        async with trio.open_nursery() as nursery:

            async def talk() -> None:
                while True:
                    await ann.say("x" * 50_000)

            nursery.start_soon(talk)
            await ann.hears("* Slow has gone\n")
            nursery.cancel_scope.cancel()


async def test_the_client_is_one_of_them() -> None:
    async with open_room() as room:
        ann = await room.enter("Ann")
        terminal = FakeTerminal(["Tim", str(room.port)])
        async with open_app(ROOM, "app:join", terminal=terminal) as tim:
            await ann.hears("* Tim has come\n")
            terminal.type_line("good evening")
            await ann.hears("Tim: good evening\n")
            await ann.say("hello Tim")
            await terminal.wait_for("Ann: hello Tim\n")
            terminal.end_input()
            assert await tim.result() == 0
        await ann.hears("* Tim has gone\n")
        await room.app.stop()
        assert await room.app.result() == 0


async def test_a_port_that_is_taken_is_named() -> None:
    async with open_room() as room:
        async with open_app(ROOM, "app:serve", args=[str(room.port)]) as second:
            assert await second.result() == 1
        assert second.terminal.screen == (
            f"the room cannot open on port {room.port}: Address already in use; give another port\n"
        )


@pytest.mark.parametrize("port", ["x", "-1", "65536", "99999999999999"])
async def test_what_is_no_port_is_refused(port: str) -> None:
    async with open_app(ROOM, "app:serve", args=[port]) as app:
        assert await app.result() == 1
    assert app.terminal.screen == f"{port} is no port, give a number up to 65535\n"


async def test_a_client_with_a_port_that_is_none_says_so() -> None:
    async with open_app(ROOM, "app:join", args=["Tim", "x"]) as tim:
        assert await tim.result() == 1
    assert tim.terminal.screen == "there is no room on port x; `serve` opens one\n"


async def test_without_a_room_the_client_says_so() -> None:
    async with open_app(ROOM, "app:join", args=["Tim", "1"]) as tim:
        assert await tim.result() == 1
    assert tim.terminal.screen == "there is no room on port 1; `serve` opens one\n"
