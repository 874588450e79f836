"""Every setting, from the environment (prefix `ANTECHAMBER_`), with the reason for its default."""

import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from authz.identity import Issuer
from authz.policy_set import SHIPPED
from authz.resource import tenant_id
from service.web_settings import WebSettings

Text = Annotated[str, StringConstraints(min_length=1, max_length=512)]
_FIELD = re.compile(r'field "(\w+)"')
_SALT = 16
"""Characters that a salt has at least."""


class IssuerSettings(BaseModel):
    """One OIDC issuer whose access tokens are believed, and for which tenants it may speak."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: Text
    tenants: Annotated[frozenset[str], Field(min_length=1)]
    audience: Text
    audience_claim: Literal["aud", "client_id"] = "aud"
    token_use: Text | None = None
    types: Annotated[frozenset[str], Field(min_length=1)] = frozenset({"at+jwt"})
    algorithms: tuple[str, ...] = ("RS256",)
    jwks_uri: Text | None = None
    leeway: Annotated[int, Field(ge=0, le=300, description="seconds")] = 60
    max_age: timedelta = timedelta(hours=24)

    def issuer_of(self) -> Issuer:
        """Return it as the token gate reads it."""
        return Issuer(
            issuer=self.issuer,
            tenants=frozenset(tenant_id(tenant) for tenant in self.tenants),
            audience=self.audience,
            audience_claim=self.audience_claim,
            token_use=self.token_use,
            types=self.types,
            algorithms=self.algorithms,
            jwks_uri=self.jwks_uri,
            leeway=self.leeway,
            max_age=self.max_age,
        )


class Settings(BaseSettings):
    """The settings of every process; a missing one is an error, never a wider default."""

    model_config = SettingsConfigDict(env_prefix="ANTECHAMBER_", extra="ignore", frozen=True, env_nested_delimiter="__")

    issuers: Annotated[tuple[IssuerSettings, ...], Field(min_length=1, description="JSON list of issuers")]
    policies: Path = SHIPPED

    region: Text = "eu-central-1"
    aws_endpoint: Text | None = Field(default=None, description="only for the local cloud")
    bedrock_endpoint: Text | None = Field(default=None, description="only for the local cloud")
    aws_access_key_id: SecretStr | None = Field(
        default=None, description="only for the local cloud; on AWS, the role's"
    )
    aws_secret_access_key: SecretStr | None = None

    directory_table: Text = "antechamber-directory"
    registry_table: Text = "antechamber-registry"
    records_table: Text = "antechamber-records"
    personal_table: Text = "antechamber-personal"
    intake_table: Text = "antechamber-intake"
    index: Literal["sqlite", "opensearch"] = "sqlite"
    index_path: Path = Path(".local/index.sqlite")
    opensearch_url: Text | None = Field(default=None, description="of a node or a domain, like https://host:443")
    opensearch_auth: Literal["none", "basic", "sigv4"] = Field(default="none", description="none: on loopback only")
    opensearch_user: Text | None = None
    opensearch_password: SecretStr | None = None
    opensearch_ca: Path | None = Field(default=None, description="PEM of an authority that is not in the usual bundle")
    opensearch_engine: Literal["lucene", "faiss"] = "lucene"
    opensearch_analyzer: Text = Field(default="standard", description="of passages' text: standard, english, german…")
    opensearch_shards: Annotated[int, Field(ge=1, le=100, description="of a new index")] = 1
    opensearch_replicas: Annotated[int, Field(ge=0, le=10, description="of a new index")] = 1
    embedding_cache: Path | None = Field(default=None, description="keeps vectors between ingestions, on disk")

    model: Text = Field(description="a pinned Bedrock model id or inference profile")
    embedding_model: Text
    dimensions: Annotated[int, Field(ge=8, le=4096)] = 384
    guardrail_id: Text | None = None
    guardrail_version: Text = "DRAFT"
    max_tokens: Annotated[int, Field(ge=1, le=8192, description="of one answer")] = 1024

    hits: Annotated[int, Field(ge=1, le=50, description="k: passages asked of the index")] = 8
    budget: Annotated[
        int,
        Field(
            ge=1_500,
            description="characters of passages in one prompt, before they are escaped; one passage always fits",
        ),
    ] = 12_000
    deadline: Annotated[float, Field(gt=0, le=120, description="seconds before the first byte")] = 15.0
    stream_timeout: Annotated[float, Field(gt=0, le=300, description="seconds without a word from the model")] = 30.0
    answer_timeout: Annotated[float, Field(gt=0, le=900, description="seconds for a whole answer")] = 120.0
    rate: Text = Field(default="60/minute", description="requests of one person")
    concurrency: Annotated[int, Field(ge=1, description="requests of one person at once")] = 8
    limits_table: Text | None = Field(default=None, description="shares both between tasks; without it, per process")
    limits_salt: SecretStr | None = Field(default=None, description="of people's keys in it: 16 characters or more")
    streams: Annotated[int, Field(ge=1, description="answers at once in this process")] = 200

    threads: Annotated[int, Field(ge=4, description="other requests served at once in this process")] = 64

    writes: bool = Field(
        default=False, description="also serve PUT and DELETE of documents; the answering role does not"
    )

    documents_bucket: Text | None = Field(default=None, description="where documents and uploads come in")
    staging_prefix: Annotated[Text, StringConstraints(pattern=r"^([A-Za-z0-9._-]+/)+$")] = "staged/"
    queue_url: Text | None = Field(default=None, description="of the queue that the bucket notifies")
    worker_threads: Annotated[int, Field(ge=1, le=64, description="messages worked on at once by a worker")] = 4

    web: WebSettings | None = Field(default=None, description="the pages; without it there are none")

    host: Text = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    metrics_port: Annotated[int, Field(ge=0, le=65535, description="on loopback; 0: off")] = 0

    @model_validator(mode="after")
    def _people_are_hidden(self) -> Self:
        """Refuse a table of limits that would name people to whoever can guess names."""
        salt = self.limits_salt.get_secret_value() if self.limits_salt else ""
        if self.limits_table is not None and len(salt) < _SALT:
            message = "ANTECHAMBER_LIMITS_TABLE is set: give all tasks one ANTECHAMBER_LIMITS_SALT of 16 characters"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _bucket_is_heard(self) -> Self:
        """Refuse a bucket that nobody hears of, and a queue of nothing: uploads would wait for ever."""
        if (self.documents_bucket is None) != (self.queue_url is None):
            message = "set both ANTECHAMBER_DOCUMENTS_BUCKET and ANTECHAMBER_QUEUE_URL, or neither"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _index_is_described(self) -> Self:
        """Refuse an index whose address or credentials are missing."""
        if self.index == "opensearch" and self.opensearch_url is None:
            message = "ANTECHAMBER_INDEX is opensearch: say where, by ANTECHAMBER_OPENSEARCH_URL"
            raise ValueError(message)
        if self.opensearch_auth == "basic" and (self.opensearch_user is None or self.opensearch_password is None):
            message = "ANTECHAMBER_OPENSEARCH_AUTH is basic: say who, by ANTECHAMBER_OPENSEARCH_USER and _PASSWORD"
            raise ValueError(message)
        return self


def wrong(error: ValidationError | SettingsError) -> str:
    """Return which settings are wrong and why, without any value."""
    if isinstance(error, SettingsError):
        named = _FIELD.search(str(error))
        return f"{_variable([named[1]])}: it is no JSON" if named else "a setting is no JSON"
    return ", ".join(
        f"{_variable(each['loc'])}: {each['msg']}" if each["loc"] else each["msg"] for each in error.errors()
    )


def _variable(path: Sequence[int | str]) -> str:
    return f"ANTECHAMBER_{'__'.join(map(str, path)).upper()}"
