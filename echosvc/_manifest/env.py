"""`${env:NAME}` and `${env:NAME:-default}` in the values of a manifest.

As in a shell, the default is taken when the variable is unset or empty. `$${env:NAME}` stands for
the text itself. What a variable holds is never substituted again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_REFERENCE = re.compile(r"\$\$\{env:|\$\{env:([^}]*)\}|\$\{env:")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")

MARK = "${env:"
"""A value without this needs no substitution."""


def substitute(text: str, env: Mapping[str, str], fault: Callable[[str, str], None]) -> str:
    """Return `text` with its references replaced by what `env` holds.

    `fault(message, hint)` is called for each reference that cannot be replaced; its text stays.
    """

    def replace(match: re.Match[str]) -> str:
        whole = match.group()
        if whole == "$${env:":
            return MARK
        if match.group(1) is None:
            fault("'${env:' is never closed", "write ${env:NAME}")
            return whole
        name, has_default, default = match.group(1).partition(":-")
        if not _NAME.match(name):
            fault(f"{whole!r} names no variable", "write ${env:NAME} or ${env:NAME:-default}")
            return whole
        value = env.get(name)
        if has_default:
            return value or default
        if value is None:
            fault(
                f"the environment variable {name} is not set",
                f"set it, or give a default: ${{env:{name}:-…}}",
            )
            return whole
        return value

    return _REFERENCE.sub(replace, text)
