"""From measured values to a table and JSON: what was measured, in which unit, against which goal."""

import json
import os
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table

_NAME = 64
"""Columns of the terminal for a figure's name."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What a value must keep to."""

    relation: Literal["≤", "≥"]
    bound: float

    def __str__(self) -> str:
        return f"{self.relation} {self.bound:g}"

    def met(self, value: float) -> bool:
        """Return whether `value` keeps to this goal."""
        return value <= self.bound if self.relation == "≤" else value >= self.bound


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; without a goal it stands there to be compared with."""

    part: str
    name: str
    value: float
    unit: str = ""
    goal: Goal | None = None

    @property
    def met(self) -> bool | None:
        """Whether the goal is met, None without one."""
        return None if self.goal is None else self.goal.met(self.value)


@dataclass(frozen=True, slots=True)
class Bench:
    """What can be measured of one engine, by name, and the versions of what it runs on."""

    parts: Mapping[str, Callable[..., Iterator[Figure]]]
    versions: Mapping[str, str]


def at_most(bound: float) -> Goal:
    """Return the goal of `bound` or less."""
    return Goal("≤", bound)


def at_least(bound: float) -> Goal:
    """Return the goal of `bound` or more."""
    return Goal("≥", bound)


def show(figures: Iterable[Figure], console: Console) -> None:
    """Print `figures`, a table for each part."""
    for part, members in groupby(figures, lambda each: each.part):
        console.print(f"\n{part}", style="bold", highlight=False)
        table = Table("figure", box=None, padding=(0, 2, 0, 0), show_header=False)
        table.columns[0].min_width = _NAME
        table.add_column(justify="right", min_width=7)
        for each in members:
            goal, met = str(each.goal or ""), {None: "", True: "yes", False: "[red]no[/red]"}[each.met]
            table.add_row(each.name, number(each.value), each.unit, goal, met)
        console.print(table)


def markdown(figures: Iterable[Figure]) -> str:
    """Return `figures` as Markdown, as docs/benchmarks.md has them."""
    lines: list[str] = []
    for part, members in groupby(figures, lambda each: each.part):
        lines += [f"\n## {part}\n", "| figure | value | unit | goal | met |", "|---|---:|---|---|---|"]
        for each in members:
            met = {None: "", True: "yes", False: "**no**"}[each.met]
            lines.append(f"| {each.name} | {number(each.value)} | {each.unit} | {each.goal or ''} | {met} |")
    return "\n".join(lines)


def number(value: float) -> str:
    """Return `value` with three decimals below ten, and fewer above; whole numbers have none."""
    if value == int(value):
        return f"{value:,.0f}"
    for bound, decimals in ((10, 3), (100, 1)):
        if abs(value) < bound:
            return f"{value:.{decimals}f}"
    return f"{value:,.0f}"


def write(figures: Sequence[Figure], path: Path, versions: Mapping[str, str], *, quick: bool, load: float) -> None:
    """Write `figures` to `path` as JSON, with the day, the kind of machine, and its `load` before the first of them."""
    plain = {
        "measured": f"{datetime.now(UTC):%Y-%m-%d}",
        "quick": quick,
        "cores": os.cpu_count(),
        "load": round(load, 2),
        "python": platform.python_version(),
        "system": platform.system(),
        **({"versions": dict(versions)} if versions else {}),
        "figures": [
            {
                "part": each.part,
                "name": each.name,
                "value": round(each.value, 6),
                "unit": each.unit,
                "goal": None if each.goal is None else str(each.goal),
                "met": each.met,
            }
            for each in figures
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(plain, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
