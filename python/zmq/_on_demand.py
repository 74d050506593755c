"""Modules that a package loads when a program asks for them as attributes."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import ModuleType


def on_demand(package: str, *modules: str) -> Callable[[str], ModuleType]:
    """Make the ``__getattr__`` of a package.

    Parameters
    ----------
    package
        Its name.
    *modules
        The names of the modules in it.

    Returns
    -------
    callable
        What imports one of them; AttributeError for any other name.
    """

    def load(name: str) -> ModuleType:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return import_module(f"{package}.{name}")

    return load
