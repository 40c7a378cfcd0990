"""``python -m echosvc``, and the ``echosvc`` console script."""

from __future__ import annotations

import gc
import sys
from typing import NoReturn

from echosvc._cli.app import main as run_command_line


def main() -> NoReturn:
    """Run the command line with this process's arguments, and end with its exit code."""
    code = run_command_line()
    # The interpreter's end searches all objects for garbage, four times as long as the rest of it
    # takes. Nothing is left that needs finding: what is open has been closed.
    gc.disable()
    gc.freeze()
    sys.exit(code)


if __name__ == "__main__":
    main()
