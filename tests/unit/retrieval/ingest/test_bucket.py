"""What the place of an object says."""

import pytest

from retrieval.errors import SourceError
from retrieval.ingest.bucket import place_of


def test_a_document_lies_in_the_folder_of_a_tenant() -> None:
    place = place_of("acme/hand/deep/a b.md")
    assert place is not None
    assert (place.tenant, place.folder, place.path) == ("acme", "hand", "deep/a b.md")
    assert (place.manifest, place.key, place.is_manifest) == ("acme/hand/access.yaml", "acme/hand/deep/a b.md", False)


@pytest.mark.parametrize(("path", "is_manifest"), [("access.yaml", True), ("deep/access.yaml", False)])
def test_only_the_manifest_at_the_top_of_a_folder_is_one(path: str, *, is_manifest: bool) -> None:
    place = place_of(f"acme/hand/{path}")
    assert place is not None
    assert place.is_manifest is is_manifest


@pytest.mark.parametrize(
    "key", ["acme/hand/", "acme/hand/.hidden.md", "acme/.git/config", "acme/hand/.git/config", "acme/"]
)
def test_markers_and_what_is_hidden_are_nothing(key: str) -> None:
    assert place_of(key) is None


@pytest.mark.parametrize(
    "key",
    ["", "x.md", "acme/x.md", "acme//x.md", "/acme/hand/x.md", "Acme/hand/x.md", "acme/hand//x.md", "acme/hand/../x.md",
     "acme/../hand/x.md", "acme/hand/./x.md", "../acme/hand/x.md"],
)  # fmt: skip
def test_what_lies_nowhere_is_refused(key: str) -> None:
    with pytest.raises(SourceError):
        place_of(key)
