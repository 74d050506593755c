"""Write python/zmq/constants.pyi from the built module; with --check, only compare."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from enum import IntEnum, IntFlag
from pathlib import Path

from zmq import constants

STUB = Path(__file__).resolve().parent.parent / "python" / "zmq" / "constants.pyi"

HEADER = '''\
# Written by tools/generate_constants_stub.py from the native tables; do not edit.
# ruff: noqa: E501, RUF022
# fmt: off
"""Every constant: enums, and their members under flat names."""

from enum import Enum, IntEnum, IntFlag
from typing import Final, TypeAlias
'''

#: What the documentation calls the kinds of constants, for annotations.
ALIASES = {
    "ZMQConstant": "int",
    "ConstantValue": "int | str | bytes",
    "SocketTypeValue": "int",
    "SocketOptionValue": "int",
    "ContextOptionValue": "int",
    "EventValue": "int",
    "ErrorValue": "int",
    "MessageFlags": "int",
    "PollFlags": "int",
    "EventFlags": "int",
    "VersionTuple": "tuple[int, int, int]",
    "VersionNumber": "int",
}

#: Facts about the libzmq in use, not about this package.
VERSIONS = ("VERSION_MAJOR", "VERSION_MINOR", "VERSION_PATCH", "VERSION")


def literal(value: int) -> str:
    """Spell a number: the large ones are made of bits."""
    return f"0x{int(value):X}" if value > 0xFFFF else str(int(value))


def enum_lines(enum: type[IntEnum | IntFlag]) -> Iterator[str]:
    """Give the lines of one enum."""
    yield f"class {enum.__name__}({enum.__mro__[1].__name__}):"
    yield f'    """{enum.__doc__}"""'
    yield ""
    # Error numbers differ between systems.
    of_the_system = enum is constants.Errno
    if of_the_system:
        yield "    _value_: int"
    for name, member in enum.__members__.items():
        yield f"    {name} = {'...' if of_the_system else literal(member)}"
    if enum is constants.SocketOption:
        yield ""
        yield "    @property"
        yield "    def _opt_type(self) -> _OptType: ..."


def stub() -> str:
    """Give the text of the stub."""
    names = list(constants.__all__)
    enums = [
        value
        for name in names
        if isinstance(value := getattr(constants, name), type)
        and issubclass(value, IntEnum | IntFlag)
        and value not in (IntEnum, IntFlag)
    ]
    lines = [HEADER, "__all__ = ["]
    lines += (f'    "{name}",' for name in names)
    lines += ["]", "", "class _OptType(Enum):"]
    lines += (f'    {kind.name} = "{kind.value}"' for kind in constants._OptType)
    for enum in enums:
        lines.append("")
        lines += enum_lines(enum)
    lines.append("")
    for name in names:
        value = getattr(constants, name)
        if isinstance(value, IntEnum | IntFlag):
            lines.append(f"{name}: Final = {type(value).__name__}.{value.name}")
        elif name in VERSIONS:
            lines.append(f"{name}: Final[int]")
        elif isinstance(value, int):
            lines.append(f"{name}: Final = {literal(value)}")
    lines.append("")
    lines += (f"{name}: TypeAlias = {alias}" for name, alias in ALIASES.items())
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the stub, or say whether it is up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when it differs")
    text = stub()
    if not parser.parse_args().check:
        STUB.write_text(text, encoding="utf-8")
        return 0
    if STUB.is_file() and STUB.read_text(encoding="utf-8") == text:
        return 0
    print(f"{STUB} differs from the built module: run {Path(__file__).name}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
