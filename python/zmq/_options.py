"""Options as attributes (``context.linger``), for classes that are written in Python."""

from __future__ import annotations

import sys

from zmq.constants import ContextOption, MessageOption, SocketOption

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["AttributeSetter"]

SOCKET_OPTIONS = dict(SocketOption.__members__)
CONTEXT_OPTIONS = dict(ContextOption.__members__)

#: A name that two enums have means a socket option.
_ALL_OPTIONS: dict[str, int] = {**MessageOption.__members__, **CONTEXT_OPTIONS, **SOCKET_OPTIONS}


def find_option(name: str) -> int | None:
    """Give the option of a name in any case, or None."""
    return _ALL_OPTIONS.get(name.upper())


def _annotations_of(cls: type) -> Any:
    if sys.version_info >= (3, 14):
        from annotationlib import Format, get_annotations

        return get_annotations(cls, format=Format.FORWARDREF)
    return vars(cls).get("__annotations__", ())


def is_declared(instance: object, name: str) -> bool:
    """Say whether a name is an attribute of its own: assigned or annotated by a class."""
    return name in vars(instance) or any(
        name in vars(base) or name in _annotations_of(base) for base in type(instance).__mro__
    )


class AttributeSetter:
    """Turns attributes into calls of `get` and `set` with the option of that name.

    Names that a class assigns or annotates stay ordinary attributes, and other names raise
    AttributeError, so that a misspelt option is not lost.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if is_declared(self, name):
            super().__setattr__(name, value)
            return
        option = find_option(name)
        if option is None:
            raise AttributeError(f"{type(self).__name__} has no such option: {name.upper()}")
        self._set_attr_opt(name, option, value)

    def __getattr__(self, name: str) -> Any:
        option = find_option(name)
        if option is None:
            raise AttributeError(f"{type(self).__name__} has no such option: {name.upper()}")
        return self._get_attr_opt(name, option)

    def _set_attr_opt(self, name: str, option: int, value: Any) -> None:
        """Set the option that an attribute stands for."""
        self.set(option, value)

    def _get_attr_opt(self, name: str, option: int) -> Any:
        """Get the option that an attribute stands for."""
        return self.get(option)

    def get(self, option: int) -> Any:
        """Get an option; for a subclass to define."""
        raise NotImplementedError("a subclass defines get")

    def set(self, option: int, value: Any) -> None:
        """Set an option; for a subclass to define."""
        raise NotImplementedError("a subclass defines set")
