"""From settings to adapters: what the composition roots (the web process, the command line) share."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, partial

from authz.dynamodb import DynamoDBDirectory
from authz.identity import Issuers
from authz.policy_set import PolicySet
from authz.schema import AttributeSchema
from retrieval.dynamodb_audit import DynamoDBAuditLog
from retrieval.dynamodb_intake import DynamoDBIntake
from retrieval.dynamodb_registry import DynamoDBRegistry
from retrieval.errors import SourceError
from retrieval.ingest.parser_process import ParserProcess
from retrieval.ingest.vectors import CachedVectors, DirectVectors, PassageVectors
from retrieval.s3 import S3Bucket
from retrieval.sqs import SQSQueue
from service import aws
from service.bedrock import BedrockEmbedder, BedrockModel, Guardrail
from service.dynamodb_limits import DynamoDBLimits
from service.limits import Limits, PersonLimits
from service.settings import Settings
from service.staging import Staging

Probes = dict[str, Callable[[], None]]
"""By name, what must not raise for a process to be ready."""
_CLOSING = 60.0
"""Seconds that a request may take beyond its last byte, to be closed and recorded."""


def issuers(settings: Settings) -> Issuers:
    """Return the issuers by the exact text of `iss`. Raises `ValueError` if one is given twice."""
    found = {each.issuer: each.issuer_of() for each in settings.issuers}
    if len(found) != len(settings.issuers):
        message = "ANTECHAMBER_ISSUERS names an issuer twice"
        raise ValueError(message)
    return found


def directory(settings: Settings, attributes: AttributeSchema) -> DynamoDBDirectory:
    """Return the directory, each issuer bound to its tenants."""
    tenants = {name: issuer.tenants for name, issuer in issuers(settings).items()}
    return DynamoDBDirectory(aws.dynamodb(settings), settings.directory_table, attributes.principal, tenants)


def registry(settings: Settings, attributes: AttributeSchema) -> DynamoDBRegistry:
    """Return the registry."""
    return DynamoDBRegistry(aws.dynamodb(settings), settings.registry_table, attributes.document)


def audit(settings: Settings) -> DynamoDBAuditLog:
    """Return the audit log."""
    return DynamoDBAuditLog(aws.dynamodb(settings), settings.records_table, settings.personal_table)


def intake(settings: Settings) -> DynamoDBIntake:
    """Return the intake."""
    return DynamoDBIntake(aws.dynamodb(settings), settings.intake_table)


def bucket(settings: Settings) -> S3Bucket:
    """Return the bucket of documents. Raises `SourceError` if the settings name none."""
    if settings.documents_bucket is None:
        message = "there is no bucket of documents: set ANTECHAMBER_DOCUMENTS_BUCKET and ANTECHAMBER_QUEUE_URL"
        raise SourceError(message)
    return S3Bucket(aws.s3(settings), settings.documents_bucket)


def queue(settings: Settings) -> SQSQueue:
    """Return the queue that the bucket notifies. Raises `SourceError` if the settings name none."""
    if settings.queue_url is None:
        message = "there is no queue: set ANTECHAMBER_DOCUMENTS_BUCKET and ANTECHAMBER_QUEUE_URL"
        raise SourceError(message)
    return SQSQueue(aws.sqs(settings), settings.queue_url)


def staging(settings: Settings, policies: PolicySet) -> Staging | None:
    """Return where uploads are left to a worker, None where they are written at once. Raises `SourceError`."""
    if settings.documents_bucket is None:
        return None
    if settings.staging_prefix.partition("/")[0] in policies.tenants:
        message = "ANTECHAMBER_STAGING_PREFIX begins like a tenant's own folder: choose another"
        raise SourceError(message)
    return Staging(bucket(settings), intake(settings), settings.staging_prefix, now)


def embedder(settings: Settings) -> BedrockEmbedder:
    """Return the embedding model."""
    return BedrockEmbedder(aws.bedrock(settings), settings.embedding_model, settings.dimensions)


def model(settings: Settings) -> BedrockModel:
    """Return the foundation model, behind its guardrail if there is one."""
    guardrail = Guardrail(settings.guardrail_id, settings.guardrail_version) if settings.guardrail_id else None
    return BedrockModel(aws.bedrock(settings), settings.model, settings.max_tokens, guardrail)


def limits(settings: Settings) -> tuple[Limits, Probes]:
    """Return how people's requests are counted, and what tells whether they can be. Raises `ValueError`."""
    if settings.limits_table is None or settings.limits_salt is None:
        return PersonLimits(settings.rate, settings.concurrency), {}
    shared = DynamoDBLimits(
        aws.dynamodb(settings),
        settings.limits_table,
        settings.limits_salt.get_secret_value().encode(),
        settings.rate,
        settings.concurrency,
        lease=settings.deadline + settings.answer_timeout + _CLOSING,
    )
    return shared, {"limits": shared.probe}


@cache
def parser() -> ParserProcess:
    """Return what reads documents, the same for all of this process: parsers of its own start when one is needed."""
    return ParserProcess()


def vectors(settings: Settings) -> PassageVectors:
    """Return how ingestion embeds: keeping vectors on disk only where the settings name a file."""
    if settings.embedding_cache is None:
        return DirectVectors(embedder(settings))
    return CachedVectors(embedder(settings), settings.embedding_cache)


now = partial(datetime.now, UTC)
"""The clock of every process."""
