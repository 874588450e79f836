"""`make prove` itself: what it prints, how it ends, and that what it found can be pasted and seen again."""

import pytest

from tests.conformance.case import Case, Document
from tests.conformance.comparison import Doors
from tests.conformance.defects import DEFECTS
from tests.conformance.kit import Shelf
from tests.conformance.prove import main, shrunk_text, tallies
from tests.conformance.seed import SEED
from tests.conformance.shrink import differences

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(900)]


def test_the_last_line_counts_and_the_exit_status_is_zero_without_a_difference(
    engine: str, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--engine", engine, "--pairs", "2400", "--seed", SEED, "--processes", "1", "--shelf", "120"]
    status = main(arguments)
    lines = capfd.readouterr().out.splitlines()
    assert lines[-1] == "pairs 2400 leaks 0 losses 0"
    assert lines[0].startswith(f"SEED={SEED} PAIRS=2400 ENGINE={engine}")
    assert status == 0


def test_a_seed_repeats_a_run(capfd: pytest.CaptureFixture[str]) -> None:
    shares = set()
    for _ in range(2):
        main(["--pairs", "1200", "--seed", "17", "--processes", "1", "--shelf", "100"])
        shares.add(capfd.readouterr().out.splitlines()[-2].partition(";")[0])
    assert len(shares) == 1


@pytest.mark.parametrize("wrong", [["--pairs", "0"], ["--pairs", "many"], ["--engine", "lucene"]])
def test_wrong_arguments_are_refused_before_anything_starts(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(wrong)
    assert ended.value.code == 2


def test_a_difference_is_counted_shrunk_and_printed_ready_to_paste(engine: str, shelves: dict[str, Shelf]) -> None:
    doors = DEFECTS["a dropped forbid"]
    run = tallies(
        f"{SEED} paste",
        400 * 300,
        shelves["shipped"],
        "shipped",
        lambda w, found: shrunk_text(w, found, engine, doors),
        doors,
    )
    found = next(tally for tally in run if tally.leaks)
    (text,) = found.regressions
    case = eval(text.rstrip(",\n"), {"Case": Case, "Document": Document, "frozenset": frozenset})  # noqa: S307 - as one who pastes it
    assert differences(case, engine, doors), "it is seen again"
    assert not differences(case, engine, Doors()), "and is mended without the defect"
    assert case.policies.count("@id(") <= 3, "the wall, what opens, and what should forbid"
    assert len(case.groups) <= 1
