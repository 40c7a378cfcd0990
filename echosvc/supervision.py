"""OTP's supervisors for plain trio tasks.

::

    async with open_supervisor("one_for_all", max_restarts=3, within="5s") as sup:
        await sup.start(ChildSpec("database", keep_connection))
        await sup.start(ChildSpec("cache", keep_cache, restart="transient"))
        await trio.sleep_forever()

A child is an ``async def``. Children start left to right and stop right to left; when one fails,
the strategy says who is restarted, and too many restarts are raised out of the block as `GaveUp`.
Supervisors nest: a child may open one, and its `GaveUp` is that child's failure.

A task cannot be killed in trio. A child that is stopped is cancelled and cleans up; one that is
still there after its `stop_timeout` is named in the events and the log, and waited for.
"""

from __future__ import annotations

from echosvc._supervision.child import Child, ChildInfo
from echosvc._supervision.events import SupervisorEvent
from echosvc._supervision.spec import ChildSpec, RestartPolicy
from echosvc._supervision.supervisor import Supervisor, open_supervisor

__all__ = [
    "Child",
    "ChildInfo",
    "ChildSpec",
    "RestartPolicy",
    "Supervisor",
    "SupervisorEvent",
    "open_supervisor",
]

for _public in (Child, ChildInfo, ChildSpec, RestartPolicy, Supervisor, SupervisorEvent):
    _public.__module__ = __name__
open_supervisor.__module__ = __name__
