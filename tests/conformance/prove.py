"""`make prove`: random policies, people and documents on a real index, held against Cedar, until so many pairs agree.

One pair is one person under one set of policies before one document. Each is asked of the condition's reference
semantics and of every leg of the engine; door two decides on a sample of each shelf.
"""

import argparse
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, count, islice
from multiprocessing import Value, get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from authz.schema import read_schema
from tests.conformance.case import SCHEMAS
from tests.conformance.comparison import Difference, Doors, World, compare
from tests.conformance.engines import ADDRESS, ENGINES
from tests.conformance.kit import Shelf, fill
from tests.conformance.oracle import Oracle
from tests.conformance.shrink import regression, shrunk
from tests.opensearch.node import shared
from tests.support.doors import policies_of
from tests.support.grammar import Grammar
from tests.support.worlds import documents, person, seeded

SHELF = 600
"""Documents of one shelf: one query decides on so many pairs."""
CAST = 12
"""People whom the oracle reads at a time."""
SETS = 4
"""Sets of policies that each of them is tried under."""
SAMPLE = 50
"""Documents of each shelf that door two decides on."""
CHUNK = 250_000
"""Pairs on one shelf, at most: then other documents are drawn."""
_LOOK = 5.0
"""Seconds between two lines that say how far it is."""
_SHOWN = 3


_SOUND = Doors()
Show = Callable[[World, Sequence[Difference]], str]
"""Tells of the differences in one world."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What came out: pairs compared, differences counted, and the first of them, shrunk and ready to paste."""

    pairs: int = 0
    allowed: int = 0
    leaks: int = 0
    losses: int = 0
    regressions: tuple[str, ...] = ()

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.pairs + other.pairs,
            self.allowed + other.allowed,
            self.leaks + other.leaks,
            self.losses + other.losses,
            (self.regressions + other.regressions)[:_SHOWN],
        )


def prove(seed: str, pairs: int, engine: str, schema: str, shelf: int = SHELF) -> Iterator[Tally]:
    """Yield a tally for each person and set of policies, until `pairs` were compared on a new shelf of `engine`."""
    types = read_schema(SCHEMAS[schema])
    with ENGINES[engine](types) as opened:
        filled = fill(opened, documents(seeded(f"{seed} {schema}"), types, shelf), types)
        yield from tallies(seed, pairs, filled, schema, lambda world, found: shrunk_text(world, found, engine, Doors()))


def tallies(seed: str, pairs: int, shelf: Shelf, schema: str, show: Show, doors: Doors = _SOUND) -> Iterator[Tally]:
    """Yield a tally for each person and set of policies, until `pairs` were compared on `shelf`."""
    random, size = seeded(f"{seed} sample"), len(shelf.documents)
    several = chain.from_iterable(worlds(f"{seed} {schema} {round_}", shelf, schema) for round_ in count())
    for world, oracle in islice(several, -(-pairs // size)):
        sample = random.sample(list(shelf.documents), min(SAMPLE, size))
        try:
            allowed, found = compare(world, shelf, oracle, doors, sample)
        except Exception as error:
            error.add_note(f"under these policies, for {world.held}:\n{world.policies.sources['policies.cedar']}")
            raise
        leaks = sum(each.kind == "leak" for each in found)
        yield Tally(size, allowed, leaks, len(found) - leaks, (show(world, found),) if found else ())


def worlds(name: str, shelf: Shelf, schema: str) -> Iterator[tuple[World, Oracle]]:
    """Yield people under random policies, each with the oracle that knows them and the documents of `shelf`."""
    random = seeded(name)
    grammar = Grammar(random, shelf.schema)
    cast = [(f"person-{number}", person(random, shelf.schema, f"person-{number}")) for number in range(CAST)]
    oracle: Oracle | None = None
    with TemporaryDirectory() as folder:
        for turn in range(SETS):
            for number, (subject, held) in enumerate(cast):
                policies = policies_of(Path(folder) / f"{turn}-{number}", grammar.policies(), SCHEMAS[schema])
                oracle = oracle or Oracle.of(shelf.documents, [each for _, each in cast], policies)
                yield World(subject, held, policies), oracle


def shrunk_text(world: World, found: Sequence[Difference], engine: str, doors: Doors) -> str:
    """Return the smallest case that differs as one of those `found` does, a leak if there is one, ready to paste."""
    first = min(found, key=lambda each: each.kind)
    return regression(shrunk(world, first, engine, doors), first)


def _chunk(seed: str, pairs: int, engine: str, schema: str, shelf: int) -> Tally:
    total = Tally()
    for tally in prove(seed, pairs, engine, schema, shelf):
        total += tally
        with _DONE.get_lock():
            _DONE.value += tally.pairs
    return total


_DONE = Value("q", 0)
"""Pairs that all processes have compared so far."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Prove what the command line asks for; return 1 if anything differs."""
    options = _options(arguments)
    print(f"SEED={options.seed} PAIRS={options.pairs} ENGINE={options.engine}: filling the shelves", flush=True)
    began = time.monotonic()
    with ExitStack() as stack:
        if options.engine == "opensearch" and ADDRESS not in os.environ:
            os.environ[ADDRESS] = stack.enter_context(shared())
        pool = stack.enter_context(ProcessPoolExecutor(options.processes, get_context("fork")))
        total = _followed(_chunks(options, pool), began)
    for text in total.regressions:
        print(f"\n{text}", flush=True)
    share = 100 * total.allowed / total.pairs
    print(f"{share:.0f} % of the pairs are allowed; it took {time.monotonic() - began:.0f} s")
    print(f"pairs {total.pairs} leaks {total.leaks} losses {total.losses}")
    return 1 if total.leaks or total.losses else 0


def _chunks(options: argparse.Namespace, pool: ProcessPoolExecutor) -> "list[Future[Tally]]":
    chunks = max(len(SCHEMAS), -(-options.pairs // CHUNK))
    schemas = sorted(SCHEMAS)
    return [
        pool.submit(
            _chunk, f"{options.seed} {number}", -(-options.pairs // chunks), options.engine, schema, options.shelf
        )
        for number in range(chunks)
        for schema in [schemas[number % len(schemas)]]
    ]


def _followed(work: "list[Future[Tally]]", began: float) -> Tally:
    left = set(work)
    while left:
        done, left = wait(left, _LOOK, FIRST_EXCEPTION)
        for each in done:
            each.result()  # raises what its process met
        print(f"  {_DONE.value:>12,} pairs after {time.monotonic() - began:4.0f} s", flush=True)
    return sum((each.result() for each in work), Tally())


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make prove", description="Hold an index against Cedar, pair by pair.")
    parser.add_argument("--seed", default=str(secrets.randbelow(2**32)), help="repeats a run; fresh by default")
    parser.add_argument("--pairs", type=_positive, default=100_000, help="how many, at least (100000)")
    parser.add_argument("--engine", choices=sorted(ENGINES), default="sqlite", help="which index (sqlite)")
    parser.add_argument("--shelf", type=_positive, default=SHELF, help=f"documents at a time ({SHELF})")
    parser.add_argument("--processes", type=_positive, default=os.cpu_count() or 1, help="at once (one per processor)")
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    plain = text.replace("_", "").replace(",", "")
    number = int(plain) if plain.isdecimal() else 0
    if number < 1:
        message = f"a whole number from 1, not {text}"
        raise argparse.ArgumentTypeError(message)
    return number


if __name__ == "__main__":
    sys.exit(main())
