import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest

from authz.resource import EntityId, TenantId
from retrieval.errors import AuditUnavailableError, ConflictError, EmbeddingUnavailableError, SourceError
from retrieval.ingest.ingest import ingest
from retrieval.ingest.retire import retire
from retrieval.ingest.source import SourceItem
from tests.support.memory_index import KilledError, Workshop

DOCUMENT = EntityId("acme/notes/plan.md")
FIRST = "# Plan\n\n" + "\n\n".join(
    f"First paragraph {number} of the plan, long enough to be cut." for number in range(6)
)
SECOND = "# Plan\n\nSecond plan."
PUBLIC = {"tenant": "acme", "classification": 0}
SECRET = {"tenant": "acme", "classification": 3}


def source(text: str = FIRST, classification: int = 0, title: str | None = None) -> SourceItem:
    return SourceItem(
        tenant=TenantId("acme"),
        name="notes/plan.md",
        content=text.encode(),
        media_type="text/markdown",
        title=title,
        source="folder:notes/plan.md",
        attributes={"tenant": "acme", "classification": classification},
        collections=frozenset({"acme/company"}),
        actor="role:test",
    )


def test_new_document_is_registered_indexed_and_admissible() -> None:
    shop = Workshop()
    done = ingest(source(), shop.to)
    assert (done.outcome, done.record.version, done.record.revision) == ("taken", 1, 1)
    assert done.record.title == "Plan"
    assert shop.is_tidy(DOCUMENT)
    assert shop.steps.taken[-2:] == ["registry", "index.remove"]
    assert [(write.action, write.actor) for write in shop.writes] == [("create", "role:test")]


def test_second_run_writes_nothing() -> None:
    shop = Workshop()
    ingest(source(), shop.to)
    shop.steps.taken.clear()
    assert ingest(source(), shop.to).outcome == "unchanged"
    assert shop.steps.taken == []


def test_title_and_text_are_embedded_and_only_text_is_stored() -> None:
    shop = Workshop()
    ingest(source(SECOND), shop.to)
    assert shop.vectors.embedder.texts == [f"Plan\n{SECOND}"]
    title, passage = shop.index.rows[DOCUMENT][1].passages
    assert (title.ordinal, title.text, title.vector) == (0, "Plan", None)
    assert (passage.ordinal, passage.text) == (1, SECOND)


def test_relabel_embeds_nothing_and_reaches_the_registry_first() -> None:
    shop = Workshop()
    ingest(source(), shop.to)
    shop.steps.taken.clear()
    done = ingest(source(classification=3), shop.to)
    assert (done.outcome, done.record.version, done.record.revision) == ("relabelled", 1, 2)
    assert shop.steps.taken == ["record", "stage", "registry", "index.relabel", "unstage"]
    assert shop.is_tidy(DOCUMENT)


def test_new_content_supersedes_the_old_and_forgets_its_vectors() -> None:
    shop = Workshop()
    first = ingest(source(), shop.to).record
    done = ingest(source(SECOND), shop.to)
    assert (done.record.version, done.record.revision, done.record.key) == (2, 2, first.key)
    assert shop.is_tidy(DOCUMENT)
    assert len(shop.vectors.forgotten) >= first.passages
    assert shop.writes[-1].action == "replace"


def test_another_title_is_new_content_because_titles_are_text() -> None:
    shop = Workshop()
    ingest(source(), shop.to)
    assert ingest(source(title="The plan"), shop.to).record.version == 2
    assert shop.is_tidy(DOCUMENT)


def test_new_content_and_new_access_take_effect_in_one_step() -> None:
    shop = Workshop()
    ingest(source(), shop.to)
    ingest(source(SECOND, classification=3), shop.to)
    assert [write.action for write in shop.writes] == ["create", "replace"]
    record = shop.registry.records[DOCUMENT]
    assert (record.version, record.attributes["classification"]) == (2, 3)
    assert shop.is_tidy(DOCUMENT)


def test_old_content_never_stands_under_the_access_of_the_new() -> None:
    shop = Workshop()
    ingest(source(), shop.to)
    before = shop.registry.records[DOCUMENT]
    seen = []
    shop.steps.meanwhile["embed"] = lambda: seen.append(shop.registry.records[DOCUMENT])
    ingest(source(SECOND, classification=0), shop.to)
    assert seen == [before]


def test_new_access_is_not_given_when_the_new_content_cannot_be_embedded() -> None:
    shop = Workshop()
    ingest(source(), shop.to)
    before = shop.registry.records[DOCUMENT]

    def fail() -> None:
        message = "down"
        raise EmbeddingUnavailableError(message)

    shop.steps.meanwhile["embed"] = fail
    with pytest.raises(EmbeddingUnavailableError):
        ingest(source(SECOND, classification=0), shop.to)
    assert shop.registry.records[DOCUMENT] == before


def test_write_that_follows_another_revision_is_a_conflict_and_is_not_repeated() -> None:
    shop = Workshop()
    ingest(source(), shop.to)
    with pytest.raises(ConflictError):
        ingest(source(SECOND), shop.to, follows=0)
    assert ingest(source(SECOND), shop.to, follows=1).record.revision == 2


def test_what_the_index_lost_is_put_back_at_the_same_revision() -> None:
    shop = Workshop()
    ingest(source(), shop.to)
    shop.index.rows.clear()
    done = ingest(source(), shop.to)
    assert (done.outcome, done.record.revision) == ("restored", 1)
    assert shop.is_tidy(DOCUMENT)


def test_lost_digests_are_staged_again_as_a_new_version() -> None:
    shop = Workshop()
    ingest(source(), shop.to)
    shop.registry.digests.popitem()
    assert ingest(source(), shop.to).outcome == "taken"
    assert shop.is_tidy(DOCUMENT)


def test_nothing_is_written_without_a_record_of_the_write() -> None:
    shop = Workshop(failing=AuditUnavailableError("full"))
    with pytest.raises(AuditUnavailableError):
        ingest(source(), shop.to)
    assert not shop.registry.records
    assert not shop.registry.digests
    assert not shop.index.rows


def test_relabel_without_a_record_of_the_write_changes_nothing() -> None:
    shop = Workshop()
    before = ingest(source(), shop.to).record
    shop.failing = AuditUnavailableError("full")
    with pytest.raises(AuditUnavailableError):
        ingest(source(classification=3), shop.to)
    assert shop.registry.records[DOCUMENT] == before
    assert shop.is_tidy(DOCUMENT)


def test_content_that_claims_its_readers_is_given_the_access_of_the_manifest() -> None:
    shop = Workshop()
    text = "---\nreaders: [everyone]\nclassification: 0\n---\n# Memo\n\nreaders: everyone, classification: 0"
    record = ingest(source(text, classification=3), shop.to).record
    assert record.attributes == SECRET
    assert shop.index.rows[DOCUMENT][1].labels.attributes == SECRET


def test_impossible_name_is_refused() -> None:
    with pytest.raises(SourceError, match="cannot be an id"):
        ingest(replace(source(), name="a\nb.md"), Workshop().to)


CHANGES: dict[str, Callable[[Workshop], object]] = {
    "first ingestion": lambda shop: ingest(source(), shop.to),
    "relabel": lambda shop: (ingest(source(), shop.to), ingest(source(classification=3), shop.to)),
    "new content": lambda shop: (ingest(source(), shop.to), ingest(source(SECOND), shop.to)),
    "both": lambda shop: (ingest(source(), shop.to), ingest(source(SECOND, 3), shop.to)),
    "retired": lambda shop: (ingest(source(), shop.to), retire(DOCUMENT, "role:test", shop.to)),
    "taken again": lambda shop: (
        ingest(source(), shop.to),
        retire(DOCUMENT, "role:test", shop.to),
        ingest(source(SECOND), shop.to),
    ),
    "restored": lambda shop: (ingest(source(), shop.to), shop.index.rows.popitem(), ingest(source(), shop.to)),
}
ENDS: dict[str, Callable[[Workshop], object]] = {
    "the same": lambda shop: ingest(source(), shop.to),
    "other content": lambda shop: ingest(source(SECOND), shop.to),
    "other access": lambda shop: ingest(source(classification=3), shop.to),
    "other content and access": lambda shop: ingest(source(SECOND, 3), shop.to),
}


@pytest.mark.parametrize(("change", "end"), list(itertools.product(CHANGES, ENDS)))
def test_run_killed_before_any_step_is_completed_by_the_next(change: str, end: str) -> None:
    whole = Workshop()
    CHANGES[change](whole)
    for step in range(len(whole.steps.taken)):
        shop = Workshop()
        shop.steps.kill_at = step
        with pytest.raises(KilledError):
            CHANGES[change](shop)
        _check_that_only_registered_content_is_admissible(shop)
        shop.steps.kill_at = None
        ENDS[end](shop)
        assert shop.is_tidy(DOCUMENT), step
        shop.steps.taken.clear()
        ENDS[end](shop)
        assert shop.steps.taken == [], step


def test_retirement_after_a_kill_before_any_step_leaves_nothing() -> None:
    for change in CHANGES.values():
        whole = Workshop()
        change(whole)
        for step in range(len(whole.steps.taken)):
            shop = Workshop()
            shop.steps.kill_at = step
            with pytest.raises(KilledError):
                change(shop)
            shop.steps.kill_at = None
            if DOCUMENT in shop.registry.records:
                retire(DOCUMENT, "role:test", shop.to)
                assert shop.is_tidy(DOCUMENT)


def _check_that_only_registered_content_is_admissible(shop: Workshop) -> None:
    record = shop.registry.records.get(DOCUMENT)
    for text in shop.admissible(DOCUMENT):
        assert record is not None
        known = FIRST if record.sha256 == source().sha256 else SECOND
        assert text in known


@pytest.mark.parametrize("step", ["record", "stage", "index.put", "registry"])
@pytest.mark.parametrize("forgets", [False, True])
def test_removal_beats_content_that_comes_late(step: str, *, forgets: bool) -> None:
    shop = Workshop()
    shop.index.forgets = forgets
    ingest(source(), shop.to)
    shop.steps.meanwhile[step] = lambda: retire(DOCUMENT, "role:other", shop.to)
    with pytest.raises(ConflictError):
        ingest(source(SECOND), shop.to)
    assert shop.registry.records[DOCUMENT].status == "retired"
    assert shop.is_tidy(DOCUMENT)


@pytest.mark.parametrize("step", ["record", "stage", "registry", "index.relabel"])
@pytest.mark.parametrize("forgets", [False, True])
def test_removal_beats_a_relabel_that_comes_late(step: str, *, forgets: bool) -> None:
    shop = Workshop()
    shop.index.forgets = forgets
    ingest(source(), shop.to)
    shop.steps.meanwhile[step] = lambda: retire(DOCUMENT, "role:other", shop.to)
    with pytest.raises(ConflictError):
        ingest(source(classification=3), shop.to)
    assert shop.registry.records[DOCUMENT].status == "retired"
    assert shop.is_tidy(DOCUMENT)


@pytest.mark.parametrize("forgets", [False, True])
def test_removal_beats_a_restoration_that_comes_late(*, forgets: bool) -> None:
    shop = Workshop()
    shop.index.forgets = forgets
    ingest(source(), shop.to)
    shop.index.rows.clear()
    shop.steps.meanwhile["index.put"] = lambda: retire(DOCUMENT, "role:other", shop.to)
    with pytest.raises(ConflictError):
        ingest(source(), shop.to)
    assert shop.is_tidy(DOCUMENT)


@pytest.mark.parametrize("step", ["embed", "record", "stage", "index.put", "registry", "index.remove"])
@pytest.mark.parametrize("rival", [source("# Plan\n\nRival.", 3), source(classification=3), source(SECOND, 3)])
def test_writer_that_lost_tries_once_more_and_converges(step: str, rival: SourceItem) -> None:
    shop = Workshop()
    ingest(source(), shop.to)
    shop.steps.meanwhile[step] = lambda: ingest(rival, shop.to)
    ingest(source(SECOND), shop.to)
    ingest(source(SECOND), shop.to)
    assert shop.is_tidy(DOCUMENT)
    assert shop.registry.records[DOCUMENT].attributes == PUBLIC


def test_writer_that_loses_twice_reports_the_conflict() -> None:
    shop = Workshop()
    ingest(source(), shop.to)

    def again() -> None:
        ingest(source("# Plan\n\nRival."), shop.to)
        shop.steps.meanwhile["embed"] = lambda: ingest(source("# Plan\n\nAnother."), shop.to)

    shop.steps.meanwhile["embed"] = again
    with pytest.raises(ConflictError):
        ingest(source(SECOND), shop.to)
    assert shop.admissible(DOCUMENT) in ([], ["Plan", "# Plan\n\nAnother."])
    ingest(source(SECOND), shop.to)
    assert shop.is_tidy(DOCUMENT)


def test_two_first_ingestions_at_once_leave_one_document() -> None:
    shop = Workshop()
    shop.steps.meanwhile["registry"] = lambda: ingest(source(SECOND, 3), shop.to)
    ingest(source(), shop.to)
    assert shop.is_tidy(DOCUMENT)
