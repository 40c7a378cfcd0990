"""``python -m echosvc``, and the ``echosvc`` console script."""

from __future__ import annotations

import sys
from typing import NoReturn

from echosvc._cli.app import main as run_command_line


def main() -> NoReturn:
    """Run the command line with this process's arguments, and end with its exit code."""
    sys.exit(run_command_line())


if __name__ == "__main__":
    main()
