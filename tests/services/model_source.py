"""The source of every process of a random application."""

from __future__ import annotations

from tests.services.model import World


async def main(name: str, version: int = 0) -> None:
    assert World.present is not None
    await World.present.live(name, version)
