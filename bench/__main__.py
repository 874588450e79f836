"""`python -m bench`: measure, print a table, write JSON. It judges nobody: goals are shown, the exit status is 0."""

import argparse
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from rich.console import Console

from bench import demo, doors, latency, pieces, ranks, recall, relabel
from bench.figures import Bench, Figure, markdown, show, write
from bench.load import suite as load
from bench.opensearch import suite as opensearch

PARTS: Mapping[str, Callable[..., Iterator[Figure]]] = {
    "latency": latency.measure,
    "doors": doors.measure,
    "recall": recall.measure,
    "demo": demo.measure,
    "ranks": ranks.measure,
    "pieces": pieces.measure,
    "relabel": relabel.measure,
}


@contextmanager
def local() -> Iterator[Bench]:
    """Yield what needs no engine: the application and its local index."""
    yield Bench(PARTS, {})


ENGINES: Mapping[str, Callable[..., AbstractContextManager[Bench]]] = {
    "sqlite": local,
    "opensearch": opensearch.opened,
    "load": load.opened,
}
OUT = {
    "sqlite": Path(".local/bench.json"),
    "opensearch": Path(".local/bench-opensearch.json"),
    "load": Path(".local/bench-load.json"),
}


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure latency, recall and memory.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and a smaller corpus: a look, not a result")
    parser.add_argument(
        "--engine", choices=ENGINES, default="sqlite", help="sqlite (with all else), opensearch alone, or load alone"
    )
    parser.add_argument("--seconds", type=float, help="of the load, instead of five minutes")
    parser.add_argument("--only", choices=PARTS, action="append", help="measure only this part; may be repeated")
    parser.add_argument("--out", type=Path, help="where the JSON goes")
    parser.add_argument("--markdown", action="store_true", help="print Markdown, for docs/benchmarks.md")
    options = parser.parse_args()
    if options.only and options.engine != "sqlite":
        parser.error("--only names parts of --engine sqlite: the figures of another engine are of one run")
    if options.seconds is not None and options.engine != "load":
        parser.error("--seconds is of --engine load")
    console, busy = Console(), os.getloadavg()[0]
    if busy > (os.cpu_count() or 1) / 2:
        console.print(f"• the machine is busy (load {busy:.1f}): times will be worse than they are", style="yellow")
    figures: list[Figure] = []
    with ENGINES[options.engine](*([options.seconds] if options.engine == "load" else [])) as bench:
        for name in options.only or bench.parts:
            console.print(f"• measuring {name}", style="dim")
            figures += bench.parts[name](quick=options.quick)
    if options.markdown:
        print(markdown(figures))
    else:
        show(figures, console)
    if bench.versions:
        print("\n" + ", ".join(f"{what} {version}" for what, version in bench.versions.items()))
    out = options.out or OUT[options.engine]
    write(figures, out, bench.versions, quick=options.quick, load=busy)
    missed = [each.name for each in figures if each.met is False]
    console.print(f"{len(missed)} goals missed" if missed else "all goals met", f"· JSON in {out}")


if __name__ == "__main__":
    main()
