"""Ctrl-C on Windows while a libzmq call is blocking."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

__all__ = ["allow_interrupt"]

_CTRL_C_EVENT = 0


class allow_interrupt:
    """Run a function when Ctrl-C is pressed on Windows, though Python itself is blocked.

    Windows delivers Ctrl-C on a thread of its own, so the function can, for example, send a
    message that makes a blocked loop return. Python's own handler runs afterwards as always.
    On other systems signals interrupt blocking calls anyway, and this does nothing.

    Parameters
    ----------
    action
        What to call, without arguments.

    Examples
    --------
    >>> with allow_interrupt(control.close):
    ...     zmq.proxy(frontend, backend)
    """

    def __init__(self, action: Callable[[], Any] | None = None) -> None:
        self.action = action
        self._handler: Any = None
        if sys.platform == "win32":
            import ctypes
            from ctypes import wintypes

            kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
            prototype = ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.DWORD)
            self._set_handler = kernel32.SetConsoleCtrlHandler
            self._set_handler.argtypes = (prototype, wintypes.BOOL)
            self._set_handler.restype = wintypes.BOOL
            # Kept here: Windows calls it for as long as it is installed.
            self._handler = prototype(self._handle)

    def _handle(self, event: int) -> int:
        if event == _CTRL_C_EVENT and self.action is not None:
            self.action()
        return 0  # not handled: the next handler in the chain is Python's

    def _install(self, add: bool) -> None:
        if sys.platform == "win32":
            import ctypes

            if not self._set_handler(self._handler, add):
                raise ctypes.WinError(ctypes.get_last_error())

    def __enter__(self) -> None:
        """Start to listen for Ctrl-C."""
        self._install(True)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop to listen."""
        self._install(False)
