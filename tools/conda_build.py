"""Build the conda packages, and run their tests, against a channel that is made here.

    python tools/conda_build.py [DIRECTORY]             default: build/conda

conda-forge is not asked. What the recipe needs is packaged from what is here: the interpreter that
runs this, libzmq and cppzmq of the system, Python packages from the package index; compilers, CMake
and Ninja are programs of the system by other names. Needs py-rattler-build on Linux, and an
interpreter below a prefix of its own (Debian's puts packages elsewhere).
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from rattler_build import (
    Stage0Recipe,
    ToolConfiguration,
    VariantConfig,
    assemble_package,
)

ROOT = Path(__file__).resolve().parent.parent
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
PLATFORM = {"x86_64": "linux-64", "aarch64": "linux-aarch64"}.get(os.uname().machine, "")

#: What the recipe's environments have of the package index, and what that needs itself.
PACKAGES: dict[str, list[str]] = {
    "packaging": [],
    "pathspec": [],
    "pip": [],
    "pybind11": [],
    "scikit-build-core": ["packaging", "pathspec"],
}

#: Never needed here, and large.
LEFT_OUT = ("test", "site-packages", "__pycache__", "idlelib", "config-*")


def version_of(header: Path, prefix: str) -> str:
    """Read a version out of a header."""
    words = [line.split() for line in header.read_text().splitlines()]
    number = {line[1]: line[2] for line in words if line[:1] == ["#define"] and len(line) > 2}
    return ".".join(number[f"{prefix}_{part}"] for part in ("MAJOR", "MINOR", "PATCH"))


def find_header(name: str) -> Path:
    return next(
        path
        for place in ("/usr/local", "/usr")
        if (path := Path(place) / "include" / name).exists()
    )


class Channel:
    """Packages made of what is here, in a directory that is a channel."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.url = place.as_uri()
        self.staged = place.with_name("staged")

    def stage(self, name: str) -> Path:
        place = self.staged / name
        place.mkdir(parents=True)
        return place

    def add(self, name: str, version: str, string: str = "0", needs: Sequence[str] = ()) -> None:
        """Make a package of what was staged. The builds that follow put it into the index."""
        place = self.place / PLATFORM
        place.mkdir(parents=True, exist_ok=True)
        assemble_package(
            name,
            version,
            PLATFORM,
            string,
            place,
            files_dir=self.staged / name,
            depends=needs,
            compression_level=1,
            detect_prefix=False,
        )

    def add_python(self) -> None:
        base, place = Path(sys.base_prefix), self.stage("python")
        for directory in (f"lib/python{PYTHON}", f"include/python{PYTHON}"):
            shutil.copytree(
                base / directory, place / directory, ignore=shutil.ignore_patterns(*LEFT_OUT)
            )
        for library in base.glob("lib/libpython*.so*"):
            shutil.copy2(library, place / "lib", follow_symlinks=False)
        (place / "bin").mkdir()
        shutil.copy2(base / f"bin/python{PYTHON}", place / "bin")
        for name in ("python", "python3"):
            (place / "bin" / name).symlink_to(f"python{PYTHON}")
        self.add("python", "{}.{}.{}".format(*sys.version_info), "0_cpython")

    def add_from_index(self, name: str, needs: list[str]) -> None:
        site = self.stage(name) / f"lib/python{PYTHON}/site-packages"
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "-q"]
        subprocess.run([*pip, "--no-deps", "--target", str(site), name], check=True)
        (information,) = site.glob("*.dist-info")
        self.add(name, information.stem.rpartition("-")[2], needs=[f"python {PYTHON}.*", *needs])

    def add_libzmq(self) -> str:
        place = self.stage("zeromq")
        (place / "include").mkdir()
        (place / "lib").mkdir()
        for name in ("zmq.h", "zmq_utils.h"):
            shutil.copy2(find_header(name), place / "include")
        library = subprocess.run(
            ["pkg-config", "--variable=libdir", "libzmq"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for path in Path(library).glob("libzmq.so*"):
            shutil.copy2(path, place / "lib", follow_symlinks=False)
        version = version_of(place / "include/zmq.h", "ZMQ_VERSION")
        # The only one that needs a recipe: what is built with it depends on it.
        recipe = {
            "package": {"name": "zeromq", "version": version},
            "build": {
                "script": f"cp -a {shlex.quote(str(place))}/. $PREFIX",
                "dynamic_linking": {"binary_relocation": False},
            },
            "requirements": {"run_exports": [f"zeromq >={version},<4.4"]},
        }
        for variant in Stage0Recipe.from_dict(recipe, recipe_dir=self.staged / "recipe").render():
            variant.run_build(output_dir=self.place, channels=[self.url], no_include_recipe=True)
        return version

    def add_cppzmq(self) -> None:
        place = self.stage("cppzmq") / "include"
        place.mkdir()
        for name in ("zmq.hpp", "zmq_addon.hpp"):
            shutil.copy2(find_header(name), place)
        self.add("cppzmq", version_of(place / "zmq.hpp", "CPPZMQ_VERSION"))

    def add_program(self, name: str) -> None:
        found = shutil.which(name)
        if found is None:
            raise SystemExit(f"conda_build: no {name} here")
        told = subprocess.run([found, "--version"], capture_output=True, text=True, check=True)
        place = self.stage(name) / "bin"
        place.mkdir()
        (place / name).write_text(f'#!/bin/sh\nexec {shlex.quote(found)} "$@"\n')
        (place / name).chmod(0o755)
        self.add(name, told.stdout.splitlines()[0].split()[-1].partition("-")[0])

    def add_compiler(self) -> None:
        activation = self.stage(f"gxx_{PLATFORM}") / "etc/conda/activate.d"
        activation.mkdir(parents=True)
        (activation / "compiler.sh").write_text("export CC=/usr/bin/cc CXX=/usr/bin/c++\n")
        self.add(f"gxx_{PLATFORM}", "1.0")
        (self.stage(f"sysroot_{PLATFORM}") / "README").write_text("That of the system.\n")
        self.add(f"sysroot_{PLATFORM}", "1.0")


def main() -> int:
    if not PLATFORM or not sys.platform.startswith("linux"):
        raise SystemExit("conda_build: this works on Linux, x86-64 and 64-bit ARM")
    directory = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "conda").resolve()
    shutil.rmtree(directory, ignore_errors=True)
    # Packages of earlier runs have the same names.
    os.environ["RATTLER_CACHE_DIR"] = str(directory / "cache")
    channel = Channel(directory / "channel")
    channel.add_python()
    for name, needs in PACKAGES.items():
        channel.add_from_index(name, needs)
    libzmq = channel.add_libzmq()
    channel.add_cppzmq()
    for name in ("cmake", "ninja"):
        channel.add_program(name)
    channel.add_compiler()
    print(f"conda_build: {channel.url}", flush=True)

    variants = VariantConfig(
        {
            "python": [f"{PYTHON}.* *_cpython"],
            "cxx_compiler": ["gxx"],
            "c_stdlib": ["sysroot"],
            "zeromq": [libzmq],
        }
    )
    recipe = Stage0Recipe.from_file(ROOT / "conda-recipe" / "recipe.yaml")
    try:
        for variant in recipe.render(variants):
            result = variant.run_build(
                ToolConfiguration(test_strategy="native"),
                output_dir=channel.place,
                channels=[channel.url],
            )
            for package in result.packages:
                print(f"conda_build: built and tested {package}", flush=True)
    except Exception:
        for log in channel.place.glob("bld/*/work/conda_build.log"):
            print(log.read_text(), file=sys.stderr)
        raise
    return 0


if __name__ == "__main__":
    sys.exit(main())
