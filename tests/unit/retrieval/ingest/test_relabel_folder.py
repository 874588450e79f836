"""A changed manifest over what was ingested from its folder."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from authz.resource import EntityId, TenantId
from retrieval.document import DocumentRecord, PassageId
from retrieval.embedder import Vectors
from retrieval.errors import AuditUnavailableError, RegistryUnavailableError, SourceError
from retrieval.ingest.relabel import relabel
from retrieval.ingest.relabel_folder import Relabelled, Relabelling, relabel_folder
from retrieval.ingest.retire import retire
from retrieval.ingest.split import Draft
from retrieval.registry import RegistryView
from tests.support.ingested import OPEN, ingested, manifest, relabelling
from tests.support.memory_index import KilledError, SteppedRegistry, SteppedVectors, Workshop

NARROW = OPEN.replace("classification: 1", "classification: 3")
PATHS = ("deals/b.md", "open/a.md", "open/c.md")


class UnaskedVectors(SteppedVectors):
    """`PassageVectors` that nobody may ask for any."""

    def of(self, tenant: TenantId, draft: Draft) -> Vectors:
        message = f"{len(draft.pieces)} passages of {tenant} would be embedded"
        raise AssertionError(message)


def filled(paths: Sequence[str] = PATHS) -> Workshop:
    """Return a workshop into which `paths` were ingested, and in which nothing can be embedded any more."""
    shop = Workshop()
    for path in paths:
        ingested(shop, path)
    shop.to = replace(shop.to, vectors=UnaskedVectors(shop.steps))
    shop.steps.taken.clear()
    shop.writes.clear()
    return shop


def narrow(*, dry_run: bool = False, files: Sequence[str] = PATHS) -> Relabelling:
    return relabelling(NARROW, files, dry_run=dry_run)


def fates(run: Sequence[Relabelled]) -> dict[str, str]:
    return {each.path: each.fate for each in run}


def classification(shop: Workshop, path: str) -> object:
    return shop.registry.records[EntityId(f"acme/{path}")].attributes["classification"]


def test_every_document_gets_the_access_of_the_manifest_and_each_write_is_recorded() -> None:
    shop = filled()
    run = list(relabel_folder(narrow(), shop.to))
    assert [(each.path, each.fate, each.done, each.total) for each in run] == [
        (path, "relabelled", number, 3) for number, path in enumerate(PATHS, start=1)
    ]
    assert [(write.action, write.after.document) for write in shop.writes] == [
        ("relabel", f"acme/{path}") for path in PATHS
    ]
    assert {classification(shop, path) for path in PATHS} == {3}
    assert all(shop.is_tidy(EntityId(f"acme/{path}")) for path in PATHS)
    assert {each.before.revision for each in run if each.before} == {1}


def test_a_second_run_writes_nothing() -> None:
    shop = filled()
    list(relabel_folder(narrow(), shop.to))
    shop.steps.taken.clear()
    assert Counter(each.fate for each in relabel_folder(narrow(), shop.to)) == {"unchanged": 3}
    assert shop.steps.taken == []


def test_only_what_differs_is_written() -> None:
    shop = filled()
    one = relabelling(OPEN + "documents:\n  open/a.md: {collections: [deals]}\n", PATHS)
    assert fates(list(relabel_folder(one, shop.to))) == {
        "deals/b.md": "unchanged",
        "open/a.md": "relabelled",
        "open/c.md": "unchanged",
    }
    assert shop.registry.records[EntityId("acme/open/a.md")].collections == {"acme/deals", "acme/company"}


def test_no_file_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The paths are names: no such file is there, and none could be opened."""
    monkeypatch.chdir(tmp_path)
    shop = filled()
    monkeypatch.setattr("builtins.open", None)
    monkeypatch.setattr(Path, "open", None)
    assert Counter(fates(list(relabel_folder(narrow(), shop.to))).values()) == {"relabelled": 3}


def test_a_dry_run_writes_and_records_nothing_and_says_the_same() -> None:
    shop = filled()
    records, digests = dict(shop.registry.records), dict(shop.registry.digests)
    said = list(relabel_folder(narrow(dry_run=True), shop.to))
    assert (shop.registry.records, shop.registry.digests) == (records, digests)
    assert (shop.steps.taken, shop.writes) == ([], [])
    assert fates(said) == fates(list(relabel_folder(narrow(), shop.to)))


def test_a_run_killed_before_any_step_is_completed_by_the_next() -> None:
    whole = filled()
    list(relabel_folder(narrow(), whole.to))
    for step in range(len(whole.steps.taken)):
        shop = filled()
        shop.steps.kill_at = step
        with pytest.raises(KilledError):
            list(relabel_folder(narrow(), shop.to))
        shop.steps.kill_at = None
        predicted = fates(list(relabel_folder(narrow(dry_run=True), shop.to)))
        done = fates(list(relabel_folder(narrow(), shop.to)))
        assert done == predicted
        assert set(done.values()) <= {"relabelled", "completed", "unchanged"}
        assert all(shop.is_tidy(EntityId(f"acme/{path}")) for path in PATHS), step
        shop.steps.taken.clear()
        assert set(fates(list(relabel_folder(narrow(), shop.to))).values()) == {"unchanged"}
        assert shop.steps.taken == []


def test_what_the_manifest_no_longer_covers_keeps_its_access_and_is_told() -> None:
    shop = filled()
    folder = NARROW.replace("  .:", "  open:")
    run = list(relabel_folder(relabelling(folder, PATHS), shop.to))
    assert fates(run) == {"deals/b.md": "kept", "open/a.md": "relabelled", "open/c.md": "relabelled"}
    assert run[0].reason is not None
    assert "keeps its access: access.yaml states no audience" in run[0].reason
    assert classification(shop, "deals/b.md") == 1


def test_a_file_that_is_gone_keeps_its_access_unless_the_manifest_names_it() -> None:
    """Two folders of one name share their source URIs: what is not seen here may be of the other."""
    shop = filled()
    named = NARROW + "documents:\n  open/c.md: {}\n"
    run = list(relabel_folder(relabelling(named, ["open/a.md"]), shop.to))
    assert fates(run) == {"deals/b.md": "kept", "open/a.md": "relabelled", "open/c.md": "relabelled"}
    assert run[0].reason is not None
    assert "antechamber delete" in run[0].reason


def test_a_path_that_has_another_id_now_relabels_neither() -> None:
    shop = filled()
    other = relabelling(NARROW + 'documents:\n  open/a.md: {id: "open/c.md"}\n  open/c.md: {id: "new"}\n', PATHS)
    run = list(relabel_folder(other, shop.to))
    assert fates(run) == {"open/a.md": "kept", "open/c.md": "kept", "deals/b.md": "relabelled"}
    assert {classification(shop, path) for path in ("open/a.md", "open/c.md")} == {1}


def test_an_unknown_person_leaves_the_document_as_it_is() -> None:
    def nobody(handle: str) -> EntityId:
        message = f'the directory of acme knows nobody called "{handle}"'
        raise SourceError(message)

    shop = filled()
    run = replace(relabelling(NARROW + "documents:\n  open/a.md: {owners: [eve]}\n", PATHS), resolve=nobody)
    found = {each.path: each for each in relabel_folder(run, shop.to)}
    assert found["open/a.md"].fate == "kept"
    assert 'nobody called "eve"' in str(found["open/a.md"].reason)
    assert classification(shop, "open/a.md") == 1


def test_what_came_from_elsewhere_or_is_retired_is_no_business_of_this_folder() -> None:
    shop = filled()
    embedding(shop, lambda: ingested(shop, "other.md", source="folder:acme2/"))
    embedding(shop, lambda: ingested(shop, "put.md", source="put:"))
    retire(EntityId("acme/open/c.md"), "role:test", shop.to)
    assert fates(list(relabel_folder(narrow(), shop.to))) == {"deals/b.md": "relabelled", "open/a.md": "relabelled"}


def test_a_manifest_of_another_tenant_relabels_nothing() -> None:
    shop = filled()
    globex = NARROW.replace("acme", "globex").replace("[company]", "[]")
    assert list(relabel_folder(relabelling(globex, PATHS), shop.to)) == []
    assert shop.steps.taken == []


def retired(shop: Workshop) -> None:
    retire(EntityId("acme/open/a.md"), "role:other", shop.to)


def taken_again_elsewhere(shop: Workshop) -> None:
    retired(shop)
    embedding(shop, lambda: ingested(shop, "open/a.md", source="put:"))


def taken_again(shop: Workshop) -> None:
    retired(shop)
    embedding(shop, lambda: ingested(shop, "open/a.md"))


def relabelled_otherwise(shop: Workshop) -> None:
    record = shop.registry.records[EntityId("acme/open/a.md")]
    relabel(record, {**record.attributes, "classification": 0}, record.collections, "role:other", shop.to)


def embedding(shop: Workshop, do: Callable[[], object]) -> None:
    unasked, shop.to = shop.to, replace(shop.to, vectors=SteppedVectors(shop.steps))
    do()
    shop.to = unasked


STEPS = ("record", "stage", "registry", "index.relabel")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    ("meanwhile", "fate"),
    [
        (retired, "gone"),
        (taken_again_elsewhere, "gone"),
        (taken_again, "relabelled"),
        (relabelled_otherwise, "relabelled"),
    ],
)
def test_somebody_else_meanwhile_is_met_once_more_and_a_removal_wins(
    step: str, meanwhile: Callable[[Workshop], None], fate: str
) -> None:
    shop = filled(["open/a.md", "open/c.md"])
    shop.steps.meanwhile[step] = lambda: meanwhile(shop)
    assert fates(list(relabel_folder(narrow(), shop.to))) == {"open/a.md": fate, "open/c.md": "relabelled"}
    record = shop.registry.records[EntityId("acme/open/a.md")]
    if fate == "relabelled":
        assert record.attributes["classification"] == 3
        assert shop.is_tidy(record.document)
    elif record.status == "retired":
        assert not shop.index.holds(record.document)
    else:
        assert record.attributes["classification"] == 1


def test_a_conflict_that_comes_again_is_told_and_the_run_goes_on() -> None:
    shop = filled(["open/a.md", "open/c.md"])

    def again() -> None:
        relabelled_otherwise(shop)
        shop.steps.meanwhile["record"] = lambda: relabelled_otherwise(shop)

    shop.steps.meanwhile["record"] = again
    run = list(relabel_folder(narrow(), shop.to))
    assert fates(run) == {"open/a.md": "conflict", "open/c.md": "relabelled"}
    assert "repeat the command" in str(run[0].reason)
    assert set(fates(list(relabel_folder(narrow(), shop.to))).values()) <= {"relabelled", "unchanged"}
    assert classification(shop, "open/a.md") == 3


def test_what_is_retired_before_its_portion_is_read_is_gone() -> None:
    shop = filled()
    registry = LateRegistry(shop.steps, shop.registry.records, shop.registry.digests, then=lambda: retired(shop))
    run = relabel_folder(narrow(dry_run=True), replace(shop.to, registry=registry))
    assert fates(list(run)) == {"deals/b.md": "relabelled", "open/a.md": "gone", "open/c.md": "relabelled"}


@dataclass
class LateRegistry(SteppedRegistry):
    """A registry in which something is done once it was scanned."""

    then: Callable[[], None] = field(default=lambda: None)

    def scan(self, tenant: TenantId) -> Iterator[DocumentRecord]:
        found = list(super().scan(tenant))
        self.then()
        return iter(found)


def test_a_dependency_that_fails_stops_the_run() -> None:
    shop = filled()
    shop.failing = AuditUnavailableError("full")
    with pytest.raises(AuditUnavailableError):
        list(relabel_folder(narrow(), shop.to))
    assert {classification(shop, path) for path in PATHS} == {1}


@dataclass
class CountingRegistry(SteppedRegistry):
    """Counts how often records are read."""

    reads: int = 0

    def get(self, passages: Sequence[PassageId]) -> RegistryView:
        self.reads += 1
        return super().get(passages)

    def record(self, document: EntityId) -> DocumentRecord | None:
        message = f"{document} is read by itself"
        raise RegistryUnavailableError(message)


def test_what_is_done_already_is_read_in_portions_and_not_by_itself() -> None:
    paths = [f"open/{number:03}.md" for number in range(120)]
    shop = filled(paths)
    registry = CountingRegistry(shop.steps, shop.registry.records, shop.registry.digests)
    run = list(relabel_folder(relabelling(OPEN, paths), replace(shop.to, registry=registry)))
    assert [each.fate for each in run] == ["unchanged"] * 120
    assert [each.done for each in run] == list(range(1, 121))
    assert registry.reads == 3


def test_of_ten_thousand_entries_each_is_looked_at() -> None:
    paths = [f"open/{number:05}.md" for number in range(10_000)]
    shop = Workshop()
    template = ingested(shop, "open/t.md")
    access = manifest().access("open/t.md", EntityId)
    shop.registry.records |= {
        EntityId(f"acme/{path}"): replace(
            template, document=EntityId(f"acme/{path}"), source=f"folder:acme/{path}", attributes=access.attributes
        )
        for path in paths
    }
    entries = [f"  {path}: {{classification: {number % 4}}}\n" for number, path in enumerate(paths)]
    text = OPEN + "documents:\n" + "".join(entries)
    shop.registry.digests.clear()
    dry = Counter(each.fate for each in relabel_folder(relabelling(text, paths, dry_run=True), shop.to))
    assert dry == {"relabelled": 7_500, "unchanged": 2_500, "kept": 1}
