"""From what OpenSearch answers to rows that are whole, or to words about why not: never the engine's own words."""

from collections.abc import Mapping, Sequence
from typing import Any

from opensearchpy.exceptions import (
    ConnectionError as EngineConnectionError,
)
from opensearchpy.exceptions import (
    ConnectionTimeout,
    OpenSearchException,
    SSLError,
    TransportError,
)

from retrieval.errors import SearchUnavailableError

Plain = Mapping[str, Any]
"""JSON as the engine speaks it."""

UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, StopIteration, RecursionError)
"""What comes of reading an answer of another shape."""


def rows_of(answer: object, index: object) -> Sequence[Plain]:
    """Return the rows of `answer` if it is whole: a part of the allowed passages must not pass for all of them."""
    if not isinstance(answer, Mapping) or answer.get("error") or not isinstance(answer.get("_shards"), Mapping):
        said = answer if isinstance(answer, Mapping) else {}
        raise SearchUnavailableError(refusal(said.get("status"), said.get("error"), "the cluster"))
    shards = answer["_shards"]
    partial = answer.get("timed_out") is not False or answer.get("terminated_early")
    if partial or shards.get("failed") != 0 or not shards.get("total") or shards.get("successful") != shards["total"]:
        message = "OpenSearch answered in part only: a shard failed, or time ran out"
        raise SearchUnavailableError(message)
    try:
        rows: list[Plain] = [*answer["hits"]["hits"]]
        strangers = [row for row in rows if row["_index"] != index or not isinstance(row["_id"], str)]
    except UNREADABLE as error:
        raise SearchUnavailableError(garbled("the cluster")) from error
    if strangers:
        message = f"a hit came from another index than {index}: it is an alias"
        raise SearchUnavailableError(message)
    return rows


def told(error: OpenSearchException, host: str) -> str:
    """Return what an error of the client's means, and how to mend it."""
    if isinstance(error, ConnectionTimeout):
        return f"OpenSearch at {host} did not answer in time"
    if isinstance(error, SSLError):
        return f"the certificate of OpenSearch at {host} is not one that is believed: see ANTECHAMBER_OPENSEARCH_CA"
    if isinstance(error, EngineConnectionError):
        return f"OpenSearch at {host} cannot be reached: is it running, and ANTECHAMBER_OPENSEARCH_URL its address?"
    if isinstance(error, TransportError):
        info = error.info.get("error") if isinstance(error.info, Mapping) else None
        return refusal(error.status_code, info, host)
    return garbled(host)


def garbled(host: str) -> str:
    """Return what is said of an answer of another shape."""
    return f"OpenSearch at {host} answered what cannot be read: does something else answer at its address?"


def refusal(status: object, error: object, host: str) -> str:
    """Return what a refusal means and how to mend it, without the engine's reason: that may repeat a question."""
    kind = str(error.get("type")) if isinstance(error, Mapping) else "unknown"
    reason = str(error.get("reason")) if isinstance(error, Mapping) else ""
    if kind == "cluster_block_exception":
        if "flood-stage" in reason:
            return f"OpenSearch at {host} is short of disk and takes no writes: free some; nothing was lost"
        return f"the index at {host} is blocked (read-only, or its cluster has no manager): lift the block and repeat"
    mends = {
        401: "does not know these credentials: see ANTECHAMBER_OPENSEARCH_USER and _PASSWORD, or the role",
        403: "does not let these credentials do this: see the role's permissions",
        404: "has no such index: make one with `antechamber index rebuild`",
        429: "is overloaded: repeat it later",
    }
    known = mends.get(status) if isinstance(status, int) else None
    return f"OpenSearch at {host} {known or 'refused'} ({status}, {kind})"
