"""Look into a wheel that has libzmq linked in: size, licences, and what the module exports.

    python tools/inspect_wheel.py WHEEL ...

Fails where a symbol of libzmq can be seen from outside, or a licence is missing.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

#: Parts of the names of the licences that have to travel along.
LICENSES = ("licenses/LICENSE", "licenses/libzmq/", "licenses/pybind11/")

LARGEST_BYTES = 6_000_000


def exported(module: Path) -> list[str]:
    """Give the names that others can link to."""
    listing = subprocess.run(
        ["nm", "-D", "--defined-only", str(module)], check=True, capture_output=True, text=True
    )
    return [line.split()[-1] for line in listing.stdout.splitlines()]


def inspect(wheel: Path) -> list[str]:
    """Print what a wheel holds, and return what is wrong with it."""
    wrong: list[str] = []
    size = wheel.stat().st_size
    with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory() as directory:
        names = archive.namelist()
        modules = [name for name in names if name.startswith("zmq/_core.") and ".pyi" not in name]
        libraries = [name for name in names if ".libs/" in name and not name.endswith("/")]
        licenses = [name for name in names if ".dist-info/licenses/" in name]
        print(f"{wheel.name}: {size / 1e6:.2f} MB, {len(names)} files")
        for name in (*modules, *libraries, *licenses):
            print(f"  {name}: {archive.getinfo(name).file_size} bytes")
        if len(modules) != 1:
            wrong.append(f"one extension module expected, found {modules}")
        if size > LARGEST_BYTES:
            wrong.append(f"larger than {LARGEST_BYTES} bytes")
        wrong += [f"no {part}" for part in LICENSES if not any(part in name for name in licenses)]
        if any("libzmq" in name for name in libraries):
            wrong.append("libzmq is a library of its own, not linked in")
        if sys.platform == "linux" and shutil.which("nm"):
            for name in modules:
                symbols = exported(Path(archive.extract(name, directory)))
                print(f"  exported: {' '.join(symbols)}")
                if symbols != ["PyInit__core"]:
                    wrong.append("more than PyInit__core is exported")
    return [f"{wheel.name}: {each}" for each in wrong]


def main() -> int:
    """Inspect all wheels given and return the exit status."""
    parser = argparse.ArgumentParser(description="Look into wheels that have libzmq linked in.")
    parser.add_argument("wheels", nargs="+", type=Path)
    wrong = [each for wheel in parser.parse_args().wheels for each in inspect(wheel)]
    for each in wrong:
        print(each, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
