"""What can go wrong while finding, recording or writing documents. A refusal is not an error: it is an empty result."""


class RetrievalError(Exception):
    """Root of this package's errors."""


class DeadlineExceededError(RetrievalError):
    """The request's one deadline has passed (503)."""


class SearchUnavailableError(RetrievalError):
    """The index is down, slow or partial: never answered from the model alone (503)."""


class IndexMismatchError(RetrievalError):
    """The index was built for another schema or embedding model, or cannot express the policies; names the mend."""


class RegistryUnavailableError(RetrievalError):
    """The registry cannot be read in full and consistently (503)."""


class EmbeddingUnavailableError(RetrievalError):
    """No vector could be had (503)."""


class AuditUnavailableError(RetrievalError):
    """The record could not be made durable, so nothing is disclosed (503)."""


class ConflictError(RetrievalError):
    """The document changed meanwhile: the write expected another revision (409)."""


class SourceError(RetrievalError, ValueError):
    """A source that cannot be ingested: its bytes, its manifest or its size; the message names the mend (422)."""


class ParserUnavailableError(RetrievalError):
    """No parser process can be had: all are busy, or none starts (503)."""


class BucketUnavailableError(RetrievalError):
    """The bucket of documents cannot be read or written (503)."""


class QueueUnavailableError(RetrievalError):
    """The queue cannot be reached."""


class IntakeUnavailableError(RetrievalError):
    """The intake cannot be read or written (503)."""
