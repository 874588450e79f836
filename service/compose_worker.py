"""From settings to a worker: the composition root of the process that takes documents from the bucket."""

from dataclasses import dataclass
from functools import cache

from authz.dynamodb_admin import DynamoDBDirectoryAdmin
from authz.policy_set import load_policies
from authz.resource import EntityId, TenantId
from retrieval.actor import Role
from retrieval.errors import SourceError
from retrieval.ingest.bucket_folder import BucketFolders
from retrieval.ingest.bucket_ingest import BucketIngest
from retrieval.ingest.destination import Destination
from retrieval.ingest.manifest import Resolve
from retrieval.ingest.source import OnWrite
from service import aws, compose, compose_index
from service.handling import Handling
from service.running import RunningPolicies
from service.settings import Settings
from service.staged_writes import StagedWrites
from service.worker import Worker
from service.worker_metrics import WorkerMetrics
from service.writing import recorded_by

ROLE = "role:worker"
"""How records call it."""


@dataclass(frozen=True, slots=True)
class Composed:
    """A worker, what it counts, and the policies that SIGHUP reloads."""

    worker: Worker
    metrics: WorkerMetrics
    policies: RunningPolicies


def worker(settings: Settings) -> Composed:
    """Return the worker that `settings` describe.

    Raises `PolicyError`, `IndexMismatchError`, `SourceError` and `ValueError` for what must not start, and
    `QueueUnavailableError`.
    """
    policies = load_policies(settings.policies)
    running, types = RunningPolicies(settings.policies, policies), policies.attributes
    bucket, queue, intake = compose.bucket(settings), compose.queue(settings), compose.intake(settings)
    registry, audit = compose.registry(settings, types), compose.audit(settings)
    index, vectors = compose_index.index(settings, policies).writer, compose.vectors(settings)
    admin = DynamoDBDirectoryAdmin(aws.dynamodb(settings), settings.directory_table, types.principal)
    compose.staging(settings, policies)  # refuses a prefix that is a tenant's

    def to(on_write: OnWrite) -> Destination:
        return Destination(registry, index, vectors, compose.parser(), on_write, compose.now)

    def resolve(tenant: TenantId) -> Resolve:
        people = cache(lambda: {each.handle: each.uid for each in admin.people(tenant)})  # only if somebody is named

        def uid(handle: str) -> EntityId:
            if handle not in people():
                message = f'the directory of {tenant} knows nobody called "{handle}"'
                raise SourceError(message)
            return people()[handle]

        return uid

    folders = BucketFolders(bucket, intake, queue.send, types, lambda: running().tenants, ROLE, compose.now)
    documents = BucketIngest(
        folders, lambda tenant: to(recorded_by(Role(tenant, ROLE), running, audit, compose.now)), resolve
    )
    staged = StagedWrites(
        bucket=bucket,
        intake=intake,
        prefix=settings.staging_prefix,
        directory=compose.directory(settings, types),
        policies=running,
        registry=registry,
        audit=audit,
        to=to,
        clock=compose.now,
        role=ROLE,
    )
    limits, metrics = queue.limits(), WorkerMetrics()
    handling = Handling(bucket.name, documents, staged, limits.receives, metrics)
    return Composed(Worker(queue, handling, metrics, settings.worker_threads, limits.visibility), metrics, running)
