"""The application whose uploads are staged, and the worker that writes them, over a bucket and an intake in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from retrieval.ingest.destination import Destination
from retrieval.ingest.source import OnWrite
from retrieval.intake import State
from service.app import create_app
from service.staged_writes import StagedWrites
from service.staging import Staging
from tests.support.application import Application
from tests.support.memory_bucket import MemoryBucket, MemoryIntake


@dataclass
class Office:
    """An application and its worker; a test says when the worker looks."""

    application: Application
    bucket: MemoryBucket
    intake: MemoryIntake
    writes: StagedWrites

    @classmethod
    def at(cls, path: Path) -> "Office":
        """Return an office whose index lies at `path`."""
        application, bucket, intake = Application(path), MemoryBucket(), MemoryIntake(MemoryBucket().steps)
        intake.steps = bucket.steps
        writing = application.on.writing
        assert writing is not None
        staged = replace(writing, staging=Staging(bucket, intake, "staged/", application.watch))
        application.on = replace(application.on, writing=staged)
        application.app = create_app(application.on)

        def to(on_write: OnWrite) -> Destination:
            return Destination(
                application.registry, writing.index, writing.vectors, writing.parse, on_write, application.watch
            )

        writes = StagedWrites(
            bucket=bucket, intake=intake, prefix="staged/", directory=application.directory,
            policies=lambda: application.policies, registry=application.registry, audit=application.audit, to=to,
            clock=application.watch, role="role:worker",
        )  # fmt: skip
        return cls(application, bucket, intake, writes)

    def put(self, subject: str, name: str, body: Mapping[str, Any]) -> str:
        """Put a document for `subject`, and return the upload's id."""
        with self.application.client(subject) as client:
            response = client.put(f"/v1/documents/{name}", json=body)
        assert response.status_code == 202, response.text
        assert response.json()["outcome"] == "staged"
        return str(response.json()["upload"])

    def told(self, subject: str, upload: str) -> Mapping[str, Any]:
        """Return what `subject` is told of an upload."""
        with self.application.client(subject) as client:
            response = client.get(f"/v1/uploads/{upload}")
        assert response.status_code == 200, response.text
        told: Mapping[str, Any] = response.json()
        return told

    def take(self, upload: str) -> State:
        """Let the worker look at an upload."""
        return self.writes(f"staged/acme/{upload}")

    def staged(self) -> list[str]:
        """Return the keys of what is staged."""
        return sorted(self.bucket.objects)
