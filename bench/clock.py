"""From calls to milliseconds: contenders take turns, so that what else the machine does hits all of them alike."""

import gc
from collections.abc import Callable, Mapping, Sequence
from statistics import median, quantiles
from time import perf_counter, process_time

WARM_UP = 5
"""Rounds that are not counted."""


def interleaved(contenders: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Return the milliseconds of each of `rounds` calls of each contender, who goes first changing with the round."""
    names = list(contenders)
    taken: dict[str, list[float]] = {name: [] for name in names}
    gc.collect()
    for turn in range(-WARM_UP, rounds):
        start = turn % len(names)
        for name in names[start:] + names[:start]:
            milliseconds = timed(contenders[name])
            if turn >= 0:
                taken[name].append(milliseconds)
    return taken


def timed(call: Callable[[], object]) -> float:
    """Return how many milliseconds one call takes."""
    began = perf_counter()
    call()
    return (perf_counter() - began) * 1000


def processor_milliseconds(call: Callable[[], object], rounds: int) -> float:
    """Return the median milliseconds of processor that one call takes in this process, busy machine or not."""
    taken = []
    for _ in range(rounds):
        began = process_time()
        call()
        taken.append((process_time() - began) * 1000)
    return median(taken)


def p50(values: Sequence[float]) -> float:
    """Return the median."""
    return median(values)


def p95(values: Sequence[float]) -> float:
    """Return what 95 % of `values` do not exceed."""
    return quantiles(values, n=20, method="inclusive")[-1]


def each_milliseconds(call: Callable[[], object], seconds: float) -> float:
    """Return the median milliseconds of one call of what is quick, called again and again for `seconds`."""
    for _ in range(WARM_UP):
        call()
    until = perf_counter() + seconds
    taken: list[float] = []
    while perf_counter() < until or not taken:
        taken.append(timed(call))
    return median(taken)
