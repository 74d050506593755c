"""Addresses of libzmq handles that other libraries hand over."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

__all__ = ["cast_int_addr"]


def cast_int_addr(n: Any) -> int:
    """Give the address that an int or a pointer of cffi holds.

    Parameters
    ----------
    n
        An address as int, or cffi's object for a pointer.

    Returns
    -------
    int
        The address.

    Raises
    ------
    ValueError
        `n` is neither.
    """
    if isinstance(n, int):
        return n
    # Whoever has an object of cffi has loaded cffi; nobody else pays for its import.
    if "_cffi_backend" in sys.modules:
        ffi = import_module("cffi").FFI()
        if isinstance(n, ffi.CData):
            try:
                return int(ffi.cast("uintptr_t", n))
            except (TypeError, NotImplementedError) as error:
                raise ValueError(f"{n!r} holds no address: {error}") from None
    raise ValueError(f"an address is an int or a pointer of cffi, not {n!r}")
