"""Two jobs: what runs at its time is an ordinary process."""

import random

from echosvc import logger, time


async def heartbeat() -> None:
    logger.info("still here")


async def backup(folder: str) -> str:
    logger.info("backup begins", folder=folder)
    await time.sleep("3s")
    if random.random() < 0.3:
        raise OSError(f"no room for {folder}")
    return "42 files"
