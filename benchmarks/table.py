"""Prints a report of ``run.py --json`` as Markdown tables, or puts them into a page.

In the page they replace what stands between the two comments that :data:`START` and
:data:`END` give, as in docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from run import OTHER, OURS, C, spelled

START = "<!-- figures: written by benchmarks/table.py -->"
END = "<!-- end of figures -->"

COLUMNS = ("case", "cppyzmq", "pyzmq", "ratio", "quartiles", "C", "times C")


def cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The cells of one case."""
    medians = row["medians"]
    compared = row["ratio"] is not None and (row["most"] is None or row["most"] > 1)
    return (
        row["case"],
        spelled(medians.get(OURS), row["unit"]),
        spelled(medians.get(OTHER), row["unit"]),
        f"**{row['ratio']:.2f}**" if compared else "",
        "{:.2f} to {:.2f}".format(*row["quartiles"]) if compared else "",
        spelled(medians.get(C), row["unit"]) if C in medians else "",
        "" if row["times_c"] is None else f"{row['times_c']:.2f}",
    )


def table(group: Mapping[str, Any]) -> list[str]:
    """The lines of a group's table; what was left out is told below it."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "| --- " + "| ---: " * (len(COLUMNS) - 1) + "|"]
    left_out = []
    for row in group["cases"]:
        if OURS in row["medians"] and OTHER in row["medians"]:
            lines.append("| " + " | ".join(cells(row)) + " |")
        else:
            left_out.append(f"{row['case']} ({row['problem']})")
    if group["mean"] is not None:
        mean = f"Geometric mean of the ratios: **{group['mean']:.2f}**"
        if group["c_mean"] is not None:
            mean += f"; of pyzmq's time over C's, where there is a C case: {group['c_mean']:.2f}"
        lines += ["", mean + "."]
    if left_out:
        lines += ["", "Left out: " + "; ".join(left_out) + "."]
    return lines


def tables(report: Mapping[str, Any]) -> str:
    """The whole report."""
    lines = [f"Machine: {report['machine']}. {report['rounds']} rounds.", ""]
    for name, about in report["workers"].items():
        facts = [about[key] for key in ("distribution", "python") if key in about]
        lines.append(f"- {name}: {', '.join([*facts, 'libzmq ' + about['libzmq']])}")
    for name, group in report["groups"].items():
        lines += ["", f"### {name}: {group['title']}", "", *table(group)]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Read the report named on the command line, and print or insert its tables."""
    parser = argparse.ArgumentParser(description="Markdown tables of a report of run.py --json.")
    parser.add_argument("report", type=Path)
    parser.add_argument("--into", type=Path, metavar="PAGE", help="write them into this page")
    options = parser.parse_args()
    text = tables(json.loads(options.report.read_text()))
    if options.into is None:
        print(text, end="")
        return
    page = options.into.read_text()
    before, start, rest = page.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        parser.error(f"{options.into} has no place for figures: {START} ... {END}")
    options.into.write_text(f"{before}{START}\n\n{text}\n{END}{after}")


if __name__ == "__main__":
    main()
