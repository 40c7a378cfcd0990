"""How many restarts are too many: OTP's restart intensity."""

from __future__ import annotations

from collections import deque


class Intensity:
    """Counts restarts in a window that moves with the clock.

    Args:
        max_restarts: So many are allowed within the window; `None` for any number.
        within: The window in seconds. A restart exactly that long ago still counts, as in OTP.
    """

    __slots__ = ("_causes", "max_restarts", "within")

    def __init__(self, max_restarts: int | None, within: float) -> None:
        self.max_restarts = max_restarts
        self.within = within
        self._causes: deque[tuple[float, BaseException]] = deque()

    def allows(self, now: float, cause: BaseException) -> bool:
        """Count a restart; False if it is one too many."""
        if self.max_restarts is None:
            return True
        self._causes.append((now, cause))
        while self._causes[0][0] + self.within < now:
            self._causes.popleft()
        return len(self._causes) <= self.max_restarts

    def causes(self) -> tuple[BaseException, ...]:
        """The errors of the restarts that count, oldest first."""
        return tuple(cause for _, cause in self._causes)
