"""Settings of Sphinx; ``nox -s docs`` builds the pages into build/docs."""

from __future__ import annotations

project = "cppyzmq"
author = "The cppyzmq developers"
extensions = ["myst_parser"]
html_theme = "alabaster"
# Pages are read on the forge too, where links to files beside docs/ lead somewhere.
suppress_warnings = ["myst.xref_missing"]
