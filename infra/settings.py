"""From the stack's parts to the environment of each process, in the names of the application's settings."""

from collections.abc import Mapping
from dataclasses import dataclass

from infra.network import WEB

METRICS = 9464
"""Counters, on the task's own loopback: the worker's health is whether they answer."""

LEFT = frozenset(
    {
        "policies",  # those in the image
        "aws_endpoint",  # only for the local cloud, and so are the next three
        "bedrock_endpoint",
        "aws_access_key_id",
        "aws_secret_access_key",
        "index_path",  # of the local index
        "opensearch_user",  # the role signs
        "opensearch_password",
        "opensearch_ca",
        "opensearch_engine",
        "opensearch_analyzer",
        "opensearch_shards",
        "embedding_cache",  # tasks keep nothing
        "max_tokens",
        "hits",
        "budget",
        "deadline",
        "stream_timeout",
        "answer_timeout",
        "rate",
        "concurrency",
        "streams",
        "threads",
        "worker_threads",
        "web",  # the pages exchange codes with the issuer, to which the network has no way
    }
)
"""Settings that the stack leaves at their defaults."""


_SHARED = ("directory", "registry", "records", "personal", "intake")

SECRETS = {"answer": ("LIMITS_SALT",), "documents": ("LIMITS_SALT",)}
"""By process, the settings that Secrets Manager gives it when it starts."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the settings say of the stack."""

    issuers: str
    region: str
    tables: Mapping[str, str]
    """By what they hold."""
    opensearch_url: str
    replicas: int
    model: str
    embedding_model: str
    dimensions: int
    guardrail_id: str
    guardrail_version: str
    bucket: str
    staged: str
    queue_url: str


def environment(process: str, on: Parts) -> dict[str, str]:
    """Return the environment of `process`: answer, documents, ingest or operator."""
    common = {
        "ISSUERS": on.issuers,
        "REGION": on.region,
        **{f"{what.upper()}_TABLE": on.tables[what] for what in _SHARED},
        "INDEX": "opensearch",
        "OPENSEARCH_URL": on.opensearch_url,
        "OPENSEARCH_AUTH": "sigv4",
        "OPENSEARCH_REPLICAS": str(on.replicas),
        "MODEL": on.model,
        "EMBEDDING_MODEL": on.embedding_model,
        "DIMENSIONS": str(on.dimensions),
        "GUARDRAIL_ID": on.guardrail_id,
        "GUARDRAIL_VERSION": on.guardrail_version,
    }
    web = {
        "LIMITS_TABLE": on.tables["limits"],
        "HOST": "0.0.0.0",  # noqa: S104 - only the load balancer reaches the task
        "PORT": str(WEB),
    }
    bucket = {"DOCUMENTS_BUCKET": on.bucket, "STAGING_PREFIX": on.staged, "QUEUE_URL": on.queue_url}
    own: dict[str, dict[str, str]] = {
        "answer": web,
        "documents": {**web, **bucket, "WRITES": "true"},
        "ingest": {**bucket, "METRICS_PORT": str(METRICS)},
        "operator": bucket,
    }
    return {f"ANTECHAMBER_{name}": value for name, value in {**common, **own[process]}.items()}
