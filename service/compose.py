"""From settings to adapters: what the composition roots (the web process, the command line) share."""

from datetime import UTC, datetime
from functools import partial

from authz.dynamodb import DynamoDBDirectory
from authz.identity import Issuers
from authz.schema import AttributeSchema
from retrieval.dynamodb_audit import DynamoDBAuditLog
from retrieval.dynamodb_registry import DynamoDBRegistry
from retrieval.ingest.vectors import CachedVectors, DirectVectors, PassageVectors
from service import aws
from service.bedrock import BedrockEmbedder, BedrockModel, Guardrail
from service.settings import Settings


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


def embedder(settings: Settings) -> BedrockEmbedder:
    """Return the embedding model."""
    return BedrockEmbedder(aws.bedrock(settings), settings.embedding_model, settings.dimensions)


def model(settings: Settings) -> BedrockModel:
    """Return the foundation model, behind its guardrail if there is one."""
    guardrail = Guardrail(settings.guardrail_id, settings.guardrail_version) if settings.guardrail_id else None
    return BedrockModel(aws.bedrock(settings), settings.model, settings.max_tokens, guardrail)


def vectors(settings: Settings) -> PassageVectors:
    """Return how ingestion embeds: keeping vectors on disk only where the settings name a file."""
    if settings.embedding_cache is None:
        return DirectVectors(embedder(settings))
    return CachedVectors(embedder(settings), settings.embedding_cache)


now = partial(datetime.now, UTC)
"""The clock of every process."""
