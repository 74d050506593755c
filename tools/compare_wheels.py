"""Compare the files of two wheels: one built from the checkout, one from the sdist.

    python tools/compare_wheels.py WHEEL WHEEL

Fails where one has a file that the other has not, or other contents. Of compiled files only the
name is compared, and of RECORD the list that it holds.
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from pathlib import Path

COMPILED = (".so", ".pyd", ".dylib")


def contents(wheel: Path) -> dict[str, bytes]:
    """Give what there is to compare, by name."""
    with zipfile.ZipFile(wheel) as archive:
        return {
            name: b"" if name.endswith((*COMPILED, "/RECORD")) else archive.read(name)
            for name in archive.namelist()
        }


def main() -> int:
    """Compare two wheels; the exit status is 1 where they differ."""
    parser = argparse.ArgumentParser(description="Compare the files of two wheels.")
    parser.add_argument("wheels", nargs=2, type=Path)
    one, other = (contents(wheel) for wheel in parser.parse_args().wheels)
    different = [f"only in one of them: {name}" for name in sorted(one.keys() ^ other.keys())]
    different += [
        f"different: {name}"
        for name in sorted(one.keys() & other.keys())
        if one[name] != other[name]
    ]
    for each in different:
        print(each, file=sys.stderr)
    print(f"{len(one)} and {len(other)} files, {len(different)} differences")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
