"""Render conda-recipe/recipe.yaml for Linux, macOS and Windows, and look at what it asks for.

    python tools/conda_recipe.py

Needs py-rattler-build, and no network.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import tomllib
from rattler_build import JinjaConfig, PlatformConfig, RenderConfig, Stage0Recipe, VariantConfig

ROOT = Path(__file__).resolve().parent.parent
RECIPE = ROOT / "conda-recipe" / "recipe.yaml"
VARIANTS = ROOT / "conda-recipe" / "variants.yaml"

#: The compiler that each platform gets; a rendering without one would build nothing.
COMPILERS = {
    "linux-64": "gxx_linux-64",
    "linux-aarch64": "gxx_linux-aarch64",
    "osx-64": "clangxx_osx-64",
    "osx-arm64": "clangxx_osx-arm64",
    "win-64": "vs2022_win-64",
}


def render(platform: str) -> dict[str, dict[str, Any]]:
    """Give the rendered outputs of a platform by name."""
    recipe = Stage0Recipe.from_file(str(RECIPE))
    configuration = PlatformConfig(target_platform=platform, build_platform=platform)
    variants = VariantConfig.from_file_with_context(
        str(VARIANTS), JinjaConfig(platform=configuration)
    )
    rendering = RenderConfig(platform=configuration)
    outputs = {}
    for variant in recipe.render(variants, rendering):
        rendered = (
            variant.recipe().to_dict() if callable(variant.recipe) else variant.recipe.to_dict()
        )
        outputs[rendered["package"]["name"]] = rendered
    return outputs


def main() -> int:
    """Render for every platform; the exit status is 1 where something is missing."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    wrong = []
    for platform, compiler in COMPILERS.items():
        outputs = render(platform)
        print(
            platform,
            ", ".join(f"{name} {each['package']['version']}" for name, each in outputs.items()),
        )
        if set(outputs) != {"cppyzmq", "cppyzmq-devel"}:
            wrong.append(f"{platform}: outputs {sorted(outputs)}")
            continue
        package = outputs["cppyzmq"]
        requirements = str(package["requirements"])
        wrong += [
            f"{platform}: no {expected} in {requirements}"
            for expected in (compiler, "zeromq", "cppzmq", "pyzmq")
            if expected not in requirements
        ]
        if package["package"]["version"] != version:
            wrong.append(f"{platform}: version {package['package']['version']}, not {version}")
    for each in wrong:
        print(each, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
