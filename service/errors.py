"""What can go wrong in the web application itself."""

from typing import Literal

Bound = Literal["rate", "concurrency", "capacity", "body", "slow-body"]
"""What a request can be refused by before any backend that answers is called."""


class ServiceError(Exception):
    """Root of this package's errors."""


class ModelUnavailableError(ServiceError):
    """The model gave no answer at all: throttled, failing or unreachable before its first word (503)."""


class ModelInterruptedError(ServiceError):
    """The model's stream broke after it began: what was sent stays, the record says `truncated`."""


class TooManyRequestsError(ServiceError):
    """This person asks too often, or too many things at once (429)."""

    def __init__(self, message: str, *, bound: Bound, after: int) -> None:
        super().__init__(message)
        self.bound = bound
        self.after = after
        """Whole seconds after which to ask again."""


class LimitsUnavailableError(ServiceError):
    """A request cannot be counted against its person's limits, so it is not served (503)."""


class BusyError(ServiceError):
    """As much is done at once as this process can, or it is about to end (503)."""


class TooLargeError(ServiceError):
    """A request's body is larger than it may be (413)."""


class TooManyValuesError(ServiceError):
    """A request's body holds more values than any that fits the interface (422)."""


class LateBodyError(ServiceError):
    """A request's body did not come in whole before the request's deadline (408)."""


class NotFoundError(ServiceError):
    """Absent, or hidden from this reader: the two look the same (404)."""


class ForbiddenError(ServiceError):
    """No policy lets this principal do it (403)."""
