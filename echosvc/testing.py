"""What a test of processes needs: a clock that jumps, probes, a terminal in memory, faults.

With pytest and pytest-trio, in the top `conftest.py`::

    pytest_plugins = ["echosvc.testing"]

which gives the fixtures `runtime`, `probe`, `terminal` and `faults`::

    async def test_a_ping_is_answered(runtime, probe):
        runtime.spawn(ponger, "app:processes")
        probe.send("ponger", "ping", 1)
        await probe.expect("pong", 1, timeout="2s")

Everything else here works in any trio program and imports no pytest. See docs/guides/testing.md.

(PYTEST_DONT_REWRITE: the assertions here have their own words, and a conftest.py may import this
module before pytest takes it for a plugin.)
"""

from __future__ import annotations

from typing import Final

from echosvc._terminal.fake import FakeTerminal
from echosvc._testing.app import App, open_app
from echosvc._testing.faults import Faults, Injected
from echosvc._testing.probe import ANY, Probe, open_probe
from echosvc._testing.puppet import puppet

__all__ = [
    "ANY",
    "App",
    "FakeTerminal",
    "Faults",
    "Injected",
    "Probe",
    "open_app",
    "open_probe",
    "puppet",
]

pytest_plugins: Final = ("echosvc._testing.plugin",)
"""What pytest loads when this module is used as its plugin."""

for _public in (App, FakeTerminal, Faults, Injected, Probe):
    _public.__module__ = __name__
puppet.__module__ = open_app.__module__ = open_probe.__module__ = __name__
