"""``python -m echosvc``, and the ``echosvc`` console script."""

from __future__ import annotations

import gc
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line with this process's arguments, and end with its exit code."""
    from echosvc._cli import edges

    edges.watch()
    # What starting makes is there to stay, and looking through it for garbage takes a twentieth
    # of the time. `run` turns this on again when it has the application in its hands.
    gc.disable()
    from echosvc._cli.app import main as run_command_line

    code = run_command_line()
    edges.settle(code)
    # The interpreter's end searches all objects for garbage, four times as long as the rest of it
    # takes. Nothing is left that needs finding: what is open has been closed.
    gc.disable()
    gc.freeze()
    sys.exit(code)


if __name__ == "__main__":
    main()
