"""Documents that were ingested from a folder, in a workshop's memory, and a manifest over them."""

from collections.abc import Iterable
from pathlib import Path

from authz.policy_set import SHIPPED
from authz.resource import EntityId, TenantId
from authz.schema import read_schema
from authz.tenants import read_tenants
from retrieval.document import DocumentRecord
from retrieval.ingest.ingest import ingest
from retrieval.ingest.manifest import Manifest, parse_manifest
from retrieval.ingest.relabel_folder import Relabelling
from retrieval.ingest.source import SourceItem
from tests.support.memory_index import Workshop

SCHEMA = read_schema((SHIPPED / "schema.json").read_text())
TENANTS = read_tenants(
    '{"acme": {"groups": [], "collections": {"company": [], "deals": ["company"]}},'
    ' "globex": {"groups": [], "collections": {}}}'
)
SOURCE = "folder:acme/"
OPEN = """\
tenant: acme
folders:
  .: {classification: 1, audience: staff, readers: [], markings: [], owners: [], quarantined: false,
      legal_hold: false, collections: [company]}
"""


def manifest(text: str = OPEN) -> Manifest:
    """Return the manifest `text`, of a folder in which every folder is."""
    return parse_manifest(text.encode(), lambda _: True, SCHEMA, TENANTS)


def relabelling(text: str = OPEN, files: Iterable[str] = (), *, dry_run: bool = False) -> Relabelling:
    """Return what makes the manifest `text` hold for the `files` of a folder."""
    return Relabelling(manifest(text), EntityId, "role:test", SOURCE, frozenset(files), dry_run)


def ingested(shop: Workshop, path: str, text: str = OPEN, source: str = SOURCE) -> DocumentRecord:
    """Return the record of a document of one passage, ingested into `shop` as the manifest `text` says."""
    read = manifest(text)
    access = read.access(path, EntityId)
    item = SourceItem(
        tenant=TenantId(read.tenant),
        name=access.name,
        content=f"# {Path(path).stem}\n\nText.".encode(),
        media_type="text/markdown",
        title=access.title,
        source=source + path,
        attributes=access.attributes,
        collections=access.collections,
        actor="role:test",
    )
    return ingest(item, shop.to).record
