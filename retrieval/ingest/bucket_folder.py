"""From a folder of the bucket to its manifest, and from a new manifest to all documents of the folder, in portions.

A manifest that is gone or wrong widens nothing: what was taken keeps the access that it had, and nothing new is taken.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from authz.schema import AttributeSchema, to_milliseconds
from authz.tenants import Tenants
from retrieval.deadline import Clock
from retrieval.errors import ConflictError, SourceError
from retrieval.ingest.bucket import Bucket, Place
from retrieval.ingest.events import portions
from retrieval.ingest.manifest import NAME, Manifest, parse_manifest
from retrieval.ingest.manifest_yaml import MAX_BYTES
from retrieval.intake import Intake, IntakeEntry, State

_KEPT: Final = 64
"""Manifests that are kept parsed."""
_AS_IT_WAS: Final = "what was taken keeps the access that it had, and nothing new is taken"


@dataclass(frozen=True, slots=True)
class BucketFolders:
    """The folders of one bucket, with their manifests; `send` enqueues messages."""

    bucket: Bucket
    intake: Intake
    send: Callable[[Sequence[str]], None]
    schema: AttributeSchema
    tenants: Callable[[], Tenants]
    """Those that are declared now."""
    actor: str
    clock: Clock
    _known: dict[str, tuple[str, Tenants, Manifest]] = field(default_factory=dict, init=False, repr=False)

    def manifest(self, place: Place, version: str | None) -> Manifest:
        """Return the manifest of the folder of `place`, whose `version` was seen.

        The first to see a version has the whole folder looked at. Raises `SourceError` if there is none, or a wrong
        one, and `ConflictError` if it is another one by now.
        """
        if version is None:
            message = f"there is no {NAME} in its folder: without one nothing new is taken"
            raise SourceError(message)
        known, tenants = self._known.get(place.manifest), self.tenants()
        if known is not None and known[0] == version and known[1] is tenants:
            return known[2]
        manifest = self._parsed(place, version, tenants)
        self._announce(place, version)
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[place.manifest] = (version, tenants, manifest)
        return manifest

    def look_at(self, place: Place) -> State:
        """Look at the manifest at `place`: have its folder looked at if it is new, or note what is wrong with it."""
        version = self.bucket.version(place.manifest)
        if version is None and next(self.bucket.keys(place.prefix), None) is None:
            return self._noted(place, "retired", None, None)
        try:
            self.manifest(place, version)
        except SourceError as error:
            return self._noted(place, "refused", version, f"{error}\n{_AS_IT_WAS}")
        return "taken"

    def _announce(self, place: Place, version: str) -> None:
        noted = self.intake.of(place.tenant, self.source(place.manifest))
        if noted is not None and (noted.state, noted.object) == ("taken", version):
            return
        keys = (key for key in self.bucket.keys(place.prefix) if key != place.manifest)
        for bodies in portions(keys, self.bucket.name):
            self.send(bodies)
        self._noted(place, "taken", version, None)

    def _parsed(self, place: Place, version: str, tenants: Tenants) -> Manifest:
        stored = self.bucket.read(place.manifest, MAX_BYTES)
        if stored is None or stored.version != version:
            message = "the manifest changed while it was read"
            raise ConflictError(message)
        manifest = parse_manifest(stored.content, lambda each: self._is_folder(place, each), self.schema, tenants)
        if manifest.tenant != place.tenant:
            message = f"{NAME} names another tenant than the one whose folder it lies in"
            raise SourceError(message)
        return manifest

    def _is_folder(self, place: Place, path: str) -> bool:
        prefix = place.prefix if path == "." else f"{place.prefix}{path}/"
        return next(self.bucket.keys(prefix), None) is not None

    def _noted(self, place: Place, state: State, version: str | None, reason: str | None) -> State:
        source, now = self.source(place.manifest), to_milliseconds(self.clock())
        self.intake.note(IntakeEntry(place.tenant, source, state, self.actor, now, reason, object=version))
        return state

    def source(self, key: str) -> str:
        """Return the URI of the object at `key`."""
        return f"s3://{self.bucket.name}/{key}"
