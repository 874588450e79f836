"""From a key to registry and index: whatever its event said, in whatever order, as often as it likes."""

import itertools
from collections.abc import Callable

import pytest

from authz.resource import EntityId, TenantId
from retrieval.errors import ConflictError, EmbeddingUnavailableError, SearchUnavailableError
from retrieval.ingest.ingest import ingest
from retrieval.ingest.retire import retire
from retrieval.ingest.source import MAX_SOURCE_BYTES, SourceItem
from tests.support.memory_bucket import MANIFEST, Yard
from tests.support.memory_index import KilledError

KEY, ACCESS = "acme/hand/plan.md", "acme/hand/access.yaml"
DOCUMENT = EntityId("acme/plan.md")
FIRST, SECOND = "# Plan\n\nFirst plan.", "# Plan\n\nSecond plan."
SECRET = MANIFEST.replace("classification: 1", "classification: 3")


def yard(text: str | None = FIRST, manifest: str | None = MANIFEST) -> Yard:
    made = Yard()
    if text is not None:
        made.bucket.put(KEY, text)
    if manifest is not None:
        made.bucket.put(ACCESS, manifest)
    return made


def texts(on: Yard, document: EntityId = DOCUMENT) -> list[str]:
    return on.shop.admissible(document)


def test_object_becomes_the_document_that_the_folder_would_have_become() -> None:
    on = yard()
    assert on.look_at(KEY) == "taken"
    record = on.shop.registry.records[DOCUMENT]
    assert (record.source, record.collections) == ("s3://documents/acme/hand/plan.md", frozenset({"acme/company"}))
    assert (record.attributes["classification"], record.attributes["tenant"]) == (1, "acme")
    assert on.shop.is_tidy(DOCUMENT)
    entry = on.entry(KEY)
    assert (entry.state, entry.document, entry.collections) == ("taken", DOCUMENT, frozenset({"acme/company"}))


def test_r18_repeated_events_change_nothing_and_read_no_body() -> None:
    on = yard()
    on.look_at(KEY)
    on.bucket.reads.clear()
    writes = len(on.shop.writes)
    assert [on.look_at(KEY) for _ in range(3)] == ["unchanged"] * 3
    assert (on.bucket.reads, len(on.shop.writes)) == ([], writes)


def test_two_versions_whose_events_are_swapped_end_with_what_is_there() -> None:
    on = yard()
    on.bucket.put(KEY, SECOND)
    assert [on.look_at(KEY), on.look_at(KEY)] == ["taken", "unchanged"]
    assert on.shop.registry.records[DOCUMENT].version == 1
    assert texts(on) == ["Plan", SECOND]


def test_r19_event_of_a_creation_after_the_deletion_brings_nothing_back() -> None:
    on = yard()
    on.look_at(KEY)
    del on.bucket.objects[KEY]
    assert [on.look_at(KEY) for _ in range(3)] == ["retired"] * 3
    assert on.shop.registry.records[DOCUMENT].status == "retired"
    assert on.shop.is_tidy(DOCUMENT)


def test_deletion_that_is_heard_before_the_creation_leaves_nothing() -> None:
    on = yard(text=None)
    assert on.look_at(KEY) == "retired"
    assert DOCUMENT not in on.shop.registry.records


STEPS = ["look", "read", "note", "embed", "record", "stage", "index.put", "registry", "index.remove"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("known", [False, True])
def test_r19_deletion_at_any_moment_of_a_taking_wins(step: str, *, known: bool) -> None:
    on = yard()
    if known:
        on.look_at(KEY)
        on.bucket.put(KEY, SECOND)

    def deleted() -> None:
        on.bucket.objects.pop(KEY, None)
        on.look_at(KEY)

    on.shop.steps.meanwhile[step] = deleted
    on.look_at(KEY)
    assert texts(on) == []
    if DOCUMENT in on.shop.registry.records:
        assert on.shop.is_tidy(DOCUMENT)


@pytest.mark.parametrize("step", STEPS)
def test_two_workers_on_one_key_leave_one_document(step: str) -> None:
    on = yard()
    on.look_at(KEY)
    on.bucket.put(KEY, SECOND)
    on.shop.steps.meanwhile[step] = lambda: on.look_at(KEY)
    on.look_at(KEY)
    assert on.shop.is_tidy(DOCUMENT)
    assert texts(on) == ["Plan", SECOND]


@pytest.mark.parametrize("step", STEPS)
def test_object_that_changes_while_it_is_taken_is_taken_as_it_is_last(step: str) -> None:
    on = yard()
    on.shop.steps.meanwhile[step] = lambda: on.bucket.put(KEY, SECOND)
    on.look_at(KEY)
    assert texts(on) == ["Plan", SECOND]
    assert on.shop.is_tidy(DOCUMENT)


@pytest.mark.parametrize("step", STEPS)
def test_access_that_changes_while_a_document_is_taken_is_that_of_the_last_manifest(step: str) -> None:
    on = yard()
    on.shop.steps.meanwhile[step] = lambda: on.bucket.put(ACCESS, SECRET)
    on.look_at(KEY)
    on.drain()
    assert on.shop.registry.records[DOCUMENT].attributes["classification"] == 3


def test_object_that_never_rests_is_left_to_a_later_delivery() -> None:
    on = yard()

    def again() -> None:
        on.bucket.put(KEY, SECOND)
        on.shop.steps.meanwhile["read"] = again

    on.shop.steps.meanwhile["read"] = again
    with pytest.raises(ConflictError, match="kept changing"):
        on.look_at(KEY)


CHANGES: dict[str, Callable[[Yard], object]] = {
    "first": lambda on: on.look_at(KEY),
    "new content": lambda on: (on.look_at(KEY), on.bucket.put(KEY, SECOND), on.look_at(KEY)),
    "new access": lambda on: (on.look_at(KEY), on.bucket.put(ACCESS, SECRET), on.look_at(KEY)),
    "deleted": lambda on: (on.look_at(KEY), on.bucket.objects.pop(KEY, None), on.look_at(KEY)),
    "put again": lambda on: (
        on.look_at(KEY),
        on.bucket.objects.pop(KEY, None),
        on.look_at(KEY),
        on.bucket.put(KEY, SECOND),
        on.look_at(KEY),
    ),
}
ENDS: dict[str, Callable[[Yard], object]] = {
    "the same": lambda on: on.bucket.put(KEY, FIRST) if KEY not in on.bucket.objects else None,
    "other content": lambda on: on.bucket.put(KEY, "# Plan\n\nThird plan."),
    "other access": lambda on: (on.bucket.put(KEY, FIRST), on.bucket.put(ACCESS, SECRET)),
    "deleted": lambda on: on.bucket.objects.pop(KEY, None),
}


@pytest.mark.parametrize(("change", "end"), list(itertools.product(CHANGES, ENDS)))
def test_r18_worker_killed_before_any_step_leaves_what_the_next_delivery_completes(change: str, end: str) -> None:
    whole = yard()
    CHANGES[change](whole)
    for step in range(len(whole.shop.steps.taken)):
        on = yard()
        on.shop.steps.kill_at = step
        with pytest.raises(KilledError):
            CHANGES[change](on)
        on.shop.steps.kill_at = None
        on.restart()
        ENDS[end](on)
        on.look_at(KEY)
        if end == "deleted":
            assert texts(on) == [], step
        else:
            assert texts(on) == ["Plan", on.bucket.objects[KEY].content.decode()], step
        if DOCUMENT in on.shop.registry.records:
            assert on.shop.is_tidy(DOCUMENT), step
        writes = len(on.shop.writes)
        on.look_at(KEY)
        assert len(on.shop.writes) == writes, step


def test_r19_document_that_was_deleted_here_is_not_brought_back_by_a_repeated_event() -> None:
    on = yard()
    on.look_at(KEY)
    retire(DOCUMENT, "role:operator", on.shop.to)
    assert on.look_at(KEY) == "retired"
    on.restart()
    assert on.look_at(KEY) == "retired"
    assert "write the object anew" in (on.entry(KEY).reason or "")
    on.bucket.put(KEY, FIRST)
    assert on.look_at(KEY) == "taken"


@pytest.mark.parametrize("step", ["embed", "record", "stage", "index.put", "registry"])
def test_r19_document_that_is_deleted_here_while_it_is_taken_stays_deleted(step: str) -> None:
    on = yard()
    on.look_at(KEY)
    on.bucket.put(KEY, SECOND)
    on.shop.steps.meanwhile[step] = lambda: retire(DOCUMENT, "role:operator", on.shop.to)
    assert on.look_at(KEY) == "retired"
    assert on.shop.is_tidy(DOCUMENT)
    assert on.shop.registry.records[DOCUMENT].status == "retired"


def test_deletion_retires_what_the_source_became_though_the_manifest_says_so_no_more() -> None:
    on = yard(manifest=f"{MANIFEST}documents:\n  plan.md: {{id: the-plan}}\n")
    on.look_at(KEY)
    assert EntityId("acme/the-plan") in on.shop.registry.records
    on.bucket.put(ACCESS, MANIFEST)
    del on.bucket.objects[KEY]
    assert on.look_at(KEY) == "retired"
    assert on.shop.registry.records[EntityId("acme/the-plan")].status == "retired"


def test_document_that_gets_another_id_leaves_none_under_the_old_one() -> None:
    on = yard()
    on.look_at(KEY)
    on.bucket.put(ACCESS, f"{MANIFEST}documents:\n  plan.md: {{id: the-plan}}\n")
    on.look_at(ACCESS)
    on.drain()
    assert on.shop.registry.records[DOCUMENT].status == "retired"
    assert on.shop.registry.records[EntityId("acme/the-plan")].status == "active"


@pytest.mark.parametrize("lost", [False, True])
def test_deletion_is_possible_with_a_wrong_manifest_and_without_an_intake(*, lost: bool) -> None:
    on = yard()
    on.look_at(KEY)
    on.bucket.put(ACCESS, "tenant: [")
    del on.bucket.objects[KEY]
    if lost:
        on.intake.entries.clear()
    assert on.look_at(KEY) == "retired"
    assert on.shop.registry.records[DOCUMENT].status == "retired"


def test_deletion_does_not_touch_what_somebody_else_put_in_its_place() -> None:
    on = yard()
    on.look_at(KEY)
    record = on.shop.registry.records[DOCUMENT]
    item = SourceItem(
        TenantId("acme"), "plan.md", SECOND.encode(), "text/markdown", None, "upload:plan.md", record.attributes,
        record.collections, "somebody",
    )  # fmt: skip
    ingest(item, on.shop.to)
    del on.bucket.objects[KEY]
    on.look_at(KEY)
    assert texts(on) == ["Plan", SECOND]


def test_source_whose_id_another_one_holds_is_refused() -> None:
    on = yard()
    on.look_at(KEY)
    on.bucket.put("acme/other/plan.md", SECOND)
    on.bucket.put("acme/other/access.yaml", MANIFEST)
    assert on.look_at("acme/other/plan.md") == "refused"
    assert "of its own" in (on.entry("acme/other/plan.md").reason or "")
    assert texts(on) == ["Plan", FIRST]


def test_file_before_its_manifest_is_refused_and_taken_once_the_manifest_is_there() -> None:
    on = yard(manifest=None)
    assert on.look_at(KEY) == "refused"
    assert "there is no access.yaml" in (on.entry(KEY).reason or "")
    on.bucket.put(ACCESS, MANIFEST)
    assert on.look_at(ACCESS) == "taken"
    on.drain()
    assert (on.entry(KEY).state, on.entry(KEY).reason) == ("taken", None)
    assert texts(on) == ["Plan", FIRST]


def test_new_manifest_relabels_a_whole_folder_in_portions_and_embeds_nothing() -> None:
    on = yard()
    others = [f"acme/hand/{number:03}.md" for number in range(24)]
    for key in others:
        on.bucket.put(key, f"# Number {key}\n\nText.")
    on.look_at(ACCESS)
    assert len(on.queue.bodies) == 3
    on.drain()
    embedded, on.bucket.reads = len(on.shop.vectors.embedder.texts), []
    on.bucket.put(ACCESS, SECRET)
    on.look_at(ACCESS)
    on.drain()
    assert len(on.shop.vectors.embedder.texts) == embedded
    assert on.bucket.reads == [ACCESS]
    assert {record.attributes["classification"] for record in on.shop.registry.records.values()} == {3}
    assert {on.entry(key).state for key in [KEY, *others]} == {"relabelled"}
    assert all(on.shop.is_tidy(document) for document in on.shop.registry.records)


def test_manifest_that_is_heard_of_again_does_not_enqueue_the_folder_again() -> None:
    on = yard()
    on.look_at(ACCESS)
    on.drain()
    on.restart()
    on.look_at(ACCESS)
    assert on.queue.bodies == {}


def test_manifest_that_is_killed_while_it_enqueues_enqueues_again() -> None:
    on = yard()
    on.shop.steps.meanwhile["note"] = _kill
    with pytest.raises(KilledError):
        on.look_at(ACCESS)
    on.restart()
    on.queue.bodies.clear()
    on.look_at(ACCESS)
    assert len(on.queue.bodies) == 1


def _kill() -> None:
    raise KilledError


@pytest.mark.parametrize("worse", [None, "tenant: [", "tenant: acme\nfolders: {nowhere: {classification: 0}}\n"])
def test_manifest_that_is_gone_or_wrong_widens_nothing_and_says_so(worse: str | None) -> None:
    on = yard()
    on.look_at(KEY)
    before = on.shop.registry.records[DOCUMENT]
    if worse is None:
        del on.bucket.objects[ACCESS]
    else:
        on.bucket.put(ACCESS, worse)
    assert on.look_at(ACCESS) == "refused"
    assert "keeps the access that it had" in (on.entry(ACCESS).reason or "")
    on.bucket.put(KEY, SECOND)
    assert on.look_at(KEY) == "refused"
    assert on.shop.registry.records[DOCUMENT] == before
    assert texts(on) == ["Plan", FIRST]


def test_folder_that_comes_after_its_manifest_makes_it_right_for_those_that_were_refused() -> None:
    on = yard(manifest=f"{MANIFEST}  deep: {{classification: 2}}\n")
    on.look_at(ACCESS)
    assert on.look_at(KEY) == "refused"
    assert "no such folder" in (on.entry(KEY).reason or "")
    on.bucket.put("acme/hand/deep/b.md", SECOND)
    on.look_at("acme/hand/deep/b.md")
    on.drain()
    assert (on.entry(KEY).state, on.entry(ACCESS).state) == ("taken", "taken")
    assert on.shop.registry.records[EntityId("acme/deep/b.md")].attributes["classification"] == 2


def test_folder_that_is_deleted_whole_leaves_no_trouble_behind() -> None:
    on = yard()
    on.look_at(ACCESS)
    on.drain()
    on.bucket.objects.clear()
    assert [on.look_at(ACCESS), on.look_at(KEY)] == ["retired", "retired"]


def test_manifest_of_another_tenant_lets_nothing_in() -> None:
    on = yard(manifest=MANIFEST.replace("tenant: acme", "tenant: globex").replace("[company]", "[]"))
    assert [on.look_at(ACCESS), on.look_at(KEY)] == ["refused", "refused"]
    assert "another tenant" in (on.entry(KEY).reason or "")
    assert on.shop.registry.records == {}


def test_object_over_the_bound_is_refused_unread() -> None:
    on = yard("x" * (MAX_SOURCE_BYTES + 1))
    assert on.look_at(KEY) == "refused"
    assert "are read" in (on.entry(KEY).reason or "")
    assert on.bucket.reads == [ACCESS]


def test_manifest_in_a_deeper_folder_is_no_document() -> None:
    on = yard()
    on.bucket.put("acme/hand/deep/access.yaml", SECRET)
    assert on.look_at("acme/hand/deep/access.yaml") == "refused"
    assert on.shop.registry.records == {}


def test_source_that_cannot_be_read_is_refused_with_its_reason_and_what_was_there_stays() -> None:
    on = yard()
    on.look_at(KEY)
    on.bucket.put(KEY, "")
    assert on.look_at(KEY) == "refused"
    assert "no text" in (on.entry(KEY).reason or "")
    assert on.entry(KEY).document == DOCUMENT
    assert texts(on) == ["Plan", FIRST]


def test_document_that_names_somebody_unknown_is_refused_by_name() -> None:
    on = yard(manifest=MANIFEST.replace("owners: []", "owners: [eve]"))
    assert on.look_at(KEY) == "refused"
    assert 'nobody called "eve"' in (on.entry(KEY).reason or "")


def test_dependency_that_fails_is_no_refusal() -> None:
    on = yard()

    def fail() -> None:
        message = "down"
        raise EmbeddingUnavailableError(message)

    on.shop.steps.meanwhile["embed"] = fail
    with pytest.raises(EmbeddingUnavailableError):
        on.look_at(KEY)
    assert on.entry(KEY).state == "waiting"
    assert on.look_at(KEY) == "taken"


def test_bucket_that_fails_is_not_read_as_an_object_that_is_gone() -> None:
    on = yard()
    on.look_at(KEY)
    on.bucket.failing = SearchUnavailableError("down")
    with pytest.raises(SearchUnavailableError):
        on.look_at(KEY)
    assert on.shop.registry.records[DOCUMENT].status == "active"


@pytest.mark.parametrize("name", ["a b.md", "ünï.md", "a+b.md", "100%.md", "日本.md", "a%2Fb.md", "q?x=1&y.md"])
def test_odd_names_are_names(name: str) -> None:
    on = yard(text=None)
    on.bucket.put(f"acme/hand/{name}", FIRST)
    assert on.look_at(f"acme/hand/{name}") == "taken"
    assert set(on.shop.registry.records) == {EntityId(f"acme/{name}")}


@pytest.mark.parametrize("name", ["a\nb.md", "x" * 600, " lead.md/ "])
def test_names_that_cannot_be_ids_are_refused_and_can_be_deleted(name: str) -> None:
    on = yard(text=None)
    key = f"acme/hand/{name}"
    on.bucket.put(key, FIRST)
    assert on.look_at(key) == "refused"
    del on.bucket.objects[key]
    assert on.look_at(key) == "retired"
    assert on.shop.registry.records == {}


def test_what_the_index_lost_comes_back_with_any_event() -> None:
    on = yard()
    on.look_at(KEY)
    on.shop.index.rows.clear()
    assert on.look_at(KEY) == "restored"
    assert on.shop.is_tidy(DOCUMENT)
