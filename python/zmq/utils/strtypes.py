"""Old helpers for text that may be str or bytes; each call warns that it is deprecated."""

from __future__ import annotations

import builtins
import warnings

__all__ = ["asbytes", "b", "basestring", "bytes", "cast_bytes", "cast_unicode", "u", "unicode"]

bytes = builtins.bytes
unicode = str
basestring = (str,)


def _warn_deprecated() -> None:
    warnings.warn(
        "zmq.utils.strtypes is deprecated: use str.encode() and bytes.decode()",
        DeprecationWarning,
        stacklevel=3,
    )


def cast_bytes(s: str | bytes, encoding: str = "utf8", errors: str = "strict") -> bytes:
    """Encode a str; bytes are given back as they are.

    Parameters
    ----------
    s
        The text.
    encoding, errors
        As for :meth:`str.encode`.

    Returns
    -------
    bytes
        The encoded text.

    Raises
    ------
    TypeError
        `s` is neither str nor bytes.
    """
    _warn_deprecated()
    if isinstance(s, bytes):
        return s
    if isinstance(s, str):
        return s.encode(encoding, errors)
    raise TypeError(f"expected str or bytes, got {s!r}")


def cast_unicode(s: str | bytes, encoding: str = "utf8", errors: str = "strict") -> str:
    """Decode bytes; a str is given back as it is.

    Parameters
    ----------
    s
        The text.
    encoding, errors
        As for :meth:`bytes.decode`.

    Returns
    -------
    str
        The decoded text.

    Raises
    ------
    TypeError
        `s` is neither str nor bytes.
    """
    _warn_deprecated()
    if isinstance(s, bytes):
        return s.decode(encoding, errors)
    if isinstance(s, str):
        return s
    raise TypeError(f"expected str or bytes, got {s!r}")


b = asbytes = cast_bytes
u = cast_unicode
