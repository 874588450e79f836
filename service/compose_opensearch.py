"""From settings to OpenSearch: its address, how it knows us, and what an index of this deployment must be."""

from contextlib import suppress

from opensearchpy import Urllib3AWSV4SignerAuth

from authz.policy_set import PolicySet
from retrieval.dynamodb_pointer import DynamoDBPointers
from retrieval.errors import IndexMismatchError, RegistryUnavailableError, SearchUnavailableError
from retrieval.opensearch_address import Address, Signer
from retrieval.opensearch_admin import OpenSearchAdmin
from retrieval.opensearch_client import Engine
from retrieval.opensearch_indices import OpenSearchIndices
from retrieval.opensearch_mapping import IndexDesign
from retrieval.pointer import PointedWriter
from service import aws
from service.settings import Settings


def chosen(settings: Settings, policies: PolicySet) -> tuple[OpenSearchIndices, PointedWriter]:
    """Return the indices and their writer. Raises `IndexMismatchError` if the one that answers is not as it must be."""
    indices = opensearch(settings, policies)
    with suppress(SearchUnavailableError, RegistryUnavailableError):  # then it is not ready
        indices.check()
    return indices, PointedWriter(indices.pointers, indices.open)


def opensearch(settings: Settings, policies: PolicySet) -> OpenSearchIndices:
    """Return OpenSearch's indices; nothing is sent yet. Raises `IndexMismatchError` for what must not be spoken to."""
    if settings.index != "opensearch":
        message = "the index is one local file: delete it and ingest again (ANTECHAMBER_INDEX is sqlite)"
        raise IndexMismatchError(message)
    address = Address(
        settings.opensearch_url or "",
        _auth(settings),
        settings.opensearch_ca,
        settings.threads + settings.streams,
    )
    design = IndexDesign(
        policies.attributes,
        settings.embedding_model,
        settings.dimensions,
        settings.opensearch_engine,
        settings.opensearch_analyzer,
        settings.opensearch_shards,
        settings.opensearch_replicas,
    )
    admin = OpenSearchAdmin(Engine.at(address), design)
    return OpenSearchIndices(admin, DynamoDBPointers(aws.dynamodb(settings), settings.registry_table))


def _auth(settings: Settings) -> tuple[str, str] | Signer | None:
    match settings.opensearch_auth:
        case "basic" if settings.opensearch_user and settings.opensearch_password:
            return settings.opensearch_user, settings.opensearch_password.get_secret_value()
        case "sigv4":
            return Urllib3AWSV4SignerAuth(aws.credentials(settings), settings.region, "es")
        case _:
            return None
