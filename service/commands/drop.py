"""`antechamber drop`: puts files into the bucket, as any tool for S3 would; the worker does the rest."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from authz.policy_set import PolicySet, load_policies
from retrieval.errors import SourceError
from retrieval.ingest.bucket import Bucket, place_of
from retrieval.ingest.folder import listed
from retrieval.ingest.manifest import NAME
from retrieval.ingest.source import MAX_SOURCE_BYTES
from service import compose
from service.commands.terminal import print_line, settings, told


def drop(
    files: Annotated[
        list[Path], typer.Argument(help=f"Files, or a folder whole; an {NAME} beside them goes too.", exists=True)
    ],
    into: Annotated[str, typer.Option(metavar="TENANT/FOLDER", help="Where in the bucket.")],
) -> None:
    """Put files into the bucket of documents. `antechamber status` shows what becomes of them."""
    with told():
        configured = settings()
        _check_tenant(into.strip("/").partition("/")[0], load_policies(configured.policies))
        bucket = compose.bucket(configured)
        for key, path in keys(files, into):
            _put(bucket, key, path)
            print_line(f"s3://{bucket.name}/{key}")


def _check_tenant(tenant: str, policies: PolicySet) -> None:
    if tenant not in policies.tenants:
        message = f'no tenant is called "{tenant}": --into TENANT/FOLDER, of {", ".join(policies.tenants)}'
        raise SourceError(message)


def keys(files: list[Path], into: str) -> Iterator[tuple[str, Path]]:
    """Yield key and file, the manifest last, so that the folders it names are there. Raises `SourceError`."""
    found: dict[str, Path] = {}
    for each in files:
        root = each if each.is_dir() else each.parent
        names = list(listed(each)) if each.is_dir() else [each.name]
        found |= {name: root / name for name in names}
        if (root / NAME).is_file():
            found[NAME] = root / NAME
    for name in sorted(found, key=lambda name: (name == NAME, name)):
        key = f"{into.strip('/')}/{name}"
        if place_of(key) is None:
            message = f"{name} is hidden: it would not be taken"
            raise SourceError(message)
        yield key, found[name]


def _put(bucket: Bucket, key: str, path: Path) -> None:
    if path.stat().st_size > MAX_SOURCE_BYTES:
        message = f"{path.name}: larger than the {MAX_SOURCE_BYTES:,} bytes that are read of a document"
        raise SourceError(message)
    try:
        content = path.read_bytes()
    except OSError as error:
        message = f"{path.name} cannot be read"
        raise SourceError(message) from error
    bucket.write(key, content)
