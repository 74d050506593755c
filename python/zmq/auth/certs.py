"""Files for CURVE keys: written and read as ZPL, the format of RFC 4, which czmq shares."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
import warnings
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path

import zmq
from zmq.utils import z85

__all__ = ["create_certificates", "load_certificate", "load_certificates"]

_PUBLIC_BANNER = """\
#   ZeroMQ CURVE public certificate, made by cppyzmq on {now}.
#   Give it to your peers on a way on which nobody can exchange it for another one,
#   or let them compare it with this one on such a way.

"""

_SECRET_BANNER = """\
#   ZeroMQ CURVE **secret** certificate, made by cppyzmq on {now}.
#   Whoever can read this file can act in your name: give it to nobody.

"""

_KEY_LENGTH = 40

#: What ZPL allows in a name.
_NAME = re.compile(r"[A-Za-z0-9$\-_@.&+/]+")

#: What can be written as a value without quotes, as pyzmq does.
_PLAIN_VALUE = re.compile(r"""[^\s"'#]([^"'#\r\n]*[^\s"'#])?""")


class InsecureKeyFileWarning(UserWarning):
    """A file with a secret key can be read by others than its owner."""


def _text(value: object) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _zpl_value(name: str, value: str) -> str:
    """Write a value as ZPL has it."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be the name of a property: use letters, digits and -_.")
    if _PLAIN_VALUE.fullmatch(value):
        return value
    if "\n" in value or "\r" in value:
        raise ValueError(f"the value of {name!r} has more than one line")
    for quote in ('"', "'"):
        if quote not in value:
            return f"{quote}{value}{quote}"
    raise ValueError(f"the value of {name!r} has both kinds of quotes")


def _certificate(
    banner: str, metadata: Mapping[str, str], public_key: bytes, secret_key: bytes | None = None
) -> str:
    lines = ["metadata"]
    for name, value in metadata.items():
        lines.append(f"    {_text(name)} = {_zpl_value(_text(name), _text(value))}")
    lines += ["curve", f'    public-key = "{public_key.decode("ascii")}"']
    if secret_key is not None:
        lines.append(f'    secret-key = "{secret_key.decode("ascii")}"')
    now = datetime.now(timezone.utc).isoformat(sep=" ", timespec="seconds")
    return banner.format(now=now) + "\n".join(lines) + "\n"


def _write(path: Path, text: str, mode: int) -> None:
    """Write a whole file at once, never readable by more than `mode` says."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.replace(unfinished, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            unfinished.unlink()
        raise


def create_certificates(
    key_dir: str | os.PathLike[str],
    name: str,
    metadata: Mapping[str, str] | None = None,
) -> tuple[str, str]:
    """Make a pair of CURVE keys and write it to two files.

    Parameters
    ----------
    key_dir
        The directory for the files; it must exist.
    name
        The files are called ``<name>.key`` and ``<name>.key_secret``. Older ones are replaced.
    metadata
        Properties to note in the secret file, for example name and mail address of its owner.

    Returns
    -------
    tuple of str
        Path of the public file, and path of the secret file, which only its owner can read
        (mode 0600).

    Raises
    ------
    OSError
        A file could not be written.
    ValueError
        A property of `metadata` cannot be written to such a file.
    """
    public_key, secret_key = zmq.curve_keypair()
    directory = Path(key_dir)
    public_file, secret_file = directory / f"{name}.key", directory / f"{name}.key_secret"
    public_text = _certificate(_PUBLIC_BANNER, {}, public_key)
    secret_text = _certificate(_SECRET_BANNER, metadata or {}, public_key, secret_key)
    # The secret one first: a public key whose secret half is lost is of no use.
    _write(secret_file, secret_text, 0o600)
    _write(public_file, public_text, 0o666)
    return str(public_file), str(secret_file)


def _properties(text: str) -> Iterator[tuple[str, str, str]]:
    """Read section, name and value of each property of a ZPL file."""
    section = ""
    for line in text.splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals:
            section = name.partition("#")[0].strip()
            continue
        value = value.strip()
        quote = value[:1]
        if quote in ('"', "'") and value.find(quote, 1) > 0:
            value = value[1 : value.index(quote, 1)]
        else:
            # Z85 has a "#" of its own: only after a space does it begin a comment here.
            value = re.split(r"\s#", value)[0].strip()
        yield section, name.strip(), value


def _warn_if_others_can_read(descriptor: int, path: str) -> None:
    if os.name != "posix":
        return
    mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        warnings.warn(
            f"others than its owner can read the secret key in {path} (mode {mode:04o}): "
            f"chmod 600 it, or make new keys if somebody may have",
            InsecureKeyFileWarning,
            stacklevel=3,
        )


def load_certificate(filename: str | os.PathLike[str]) -> tuple[bytes, bytes | None]:
    """Read the keys from a file.

    A secret key that others than the owner of the file can read gives an
    :class:`InsecureKeyFileWarning`.

    Parameters
    ----------
    filename
        Path of a public or of a secret file, of this module's or of czmq's making.

    Returns
    -------
    tuple
        The public key, and the secret key or None; as Z85 text in bytes.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        It has no public key, or one of its keys is not Z85 text of 40 characters.
    """
    path = os.fspath(filename)
    keys: dict[str, bytes] = {}
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        for section, name, value in _properties(file.read()):
            if section == "metadata" or name not in ("public-key", "secret-key"):
                continue
            if len(value) != _KEY_LENGTH:
                raise ValueError(f"the {name} in {path} has not {_KEY_LENGTH} characters")
            try:
                z85.decode(value)
            except ValueError as error:
                raise ValueError(f"the {name} in {path} is not Z85 text: {error}") from None
            keys[name] = value.encode("ascii")
        if "secret-key" in keys:
            _warn_if_others_can_read(file.fileno(), path)
    if "public-key" not in keys:
        raise ValueError(f"no public key found in {path}")
    return keys["public-key"], keys.get("secret-key")


def load_certificates(directory: str | os.PathLike[str] = ".") -> dict[bytes, bool]:
    """Read the public keys from all public files (``*.key``) of a directory.

    Parameters
    ----------
    directory
        Path of the directory.

    Returns
    -------
    dict
        Each public key, with True.

    Raises
    ------
    OSError
        The directory, or a file in it, cannot be read.
    ValueError
        One of the files is not the file of a key.
    """
    paths = sorted(Path(entry) for entry in os.scandir(directory) if entry.name.endswith(".key"))
    return {load_certificate(path)[0]: True for path in paths}
