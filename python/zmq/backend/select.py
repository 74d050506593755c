"""Old import path: pyzmq chooses between two backends here, and there is one."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: What a backend has.
public_api = [
    "Context",
    "Socket",
    "Frame",
    "Message",
    "proxy",
    "proxy_steerable",
    "zmq_poll",
    "strerror",
    "zmq_errno",
    "has",
    "curve_keypair",
    "curve_public",
    "zmq_version_info",
    "IPC_PATH_MAX_LEN",
    "PYZMQ_DRAFT_API",
]


def select_backend(name: str) -> dict[str, Any]:
    """Import a backend and give what is in it.

    Parameters
    ----------
    name
        The module, ``"zmq.backend.cython"``.

    Returns
    -------
    dict
        Its public names.
    """
    backend = import_module(name)
    return {key: getattr(backend, key) for key in (*public_api, "monitored_queue")}
