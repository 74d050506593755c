"""Z85, the printable form of binary keys: every 4 bytes become 5 ASCII characters."""

from __future__ import annotations

from typing import Final

__all__ = ["Z85CHARS", "Z85MAP", "decode", "encode"]

#: The 85 characters in the order of their value.
Z85CHARS: Final = (
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
)

#: The value of each character, by its byte.
Z85MAP: Final[dict[int, int]] = {character: value for value, character in enumerate(Z85CHARS)}

_BYTES_PER_GROUP: Final = 4
_CHARACTERS_PER_GROUP: Final = 5


def encode(rawbytes: bytes | bytearray | memoryview) -> bytes:
    """Write binary data as Z85 text.

    Parameters
    ----------
    rawbytes
        The data; its length must be a multiple of 4.

    Returns
    -------
    bytes
        Five ASCII characters for every 4 bytes of the data.

    Raises
    ------
    ValueError
        The length is not a multiple of 4.
    """
    data = memoryview(rawbytes).tobytes()
    if len(data) % _BYTES_PER_GROUP:
        raise ValueError(f"the length of data for Z85 must be a multiple of 4, not {len(data)}")
    text = bytearray()
    for start in range(0, len(data), _BYTES_PER_GROUP):
        number = int.from_bytes(data[start : start + _BYTES_PER_GROUP], "big")
        group = bytearray(_CHARACTERS_PER_GROUP)
        for place in reversed(range(_CHARACTERS_PER_GROUP)):
            number, digit = divmod(number, len(Z85CHARS))
            group[place] = Z85CHARS[digit]
        text += group
    return bytes(text)


def decode(z85bytes: str | bytes | bytearray | memoryview) -> bytes:
    """Read Z85 text back into binary data.

    Parameters
    ----------
    z85bytes
        The text; its length must be a multiple of 5.

    Returns
    -------
    bytes
        Four bytes for every 5 characters of the text.

    Raises
    ------
    ValueError
        The length is not a multiple of 5, a character is not one of Z85's, or a group of five
        stands for more than 32 bits.
    """
    if isinstance(z85bytes, str):
        try:
            text = z85bytes.encode("ascii")
        except UnicodeEncodeError as error:
            raise ValueError(f"Z85 text is ASCII only: {error.reason}") from None
    else:
        text = memoryview(z85bytes).tobytes()
    if len(text) % _CHARACTERS_PER_GROUP:
        raise ValueError(f"the length of Z85 text must be a multiple of 5, not {len(text)}")
    data = bytearray()
    for start in range(0, len(text), _CHARACTERS_PER_GROUP):
        number = 0
        for place, character in enumerate(text[start : start + _CHARACTERS_PER_GROUP], start):
            digit = Z85MAP.get(character)
            if digit is None:
                raise ValueError(f"the character at index {place} is not one of Z85's 85")
            number = number * len(Z85CHARS) + digit
        if number >= 1 << 8 * _BYTES_PER_GROUP:
            raise ValueError(f"the Z85 group at index {start} stands for more than 32 bits")
        data += number.to_bytes(_BYTES_PER_GROUP, "big")
    return bytes(data)
