"""JSON as messages carry it: `dumps` to UTF-8 bytes, `loads` from bytes or str."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["dumps", "loads"]

#: The old name of the module that does it.
jsonmod = json


def dumps(o: Any, **kwargs: Any) -> bytes:
    """Serialise an object to JSON.

    Parameters
    ----------
    o
        Anything that :func:`json.dumps` accepts.
    **kwargs
        Further arguments for :func:`json.dumps`.

    Returns
    -------
    bytes
        The JSON text in UTF-8.
    """
    return json.dumps(o, **kwargs).encode("utf-8")


def loads(s: str | bytes | bytearray, **kwargs: Any) -> Any:
    """Read an object from JSON.

    Parameters
    ----------
    s
        The JSON text; bytes are taken as UTF-8.
    **kwargs
        Further arguments for :func:`json.loads`.

    Returns
    -------
    Any
        What the text describes.
    """
    if isinstance(s, (bytes, bytearray)):
        s = s.decode("utf-8")
    return json.loads(s, **kwargs)
