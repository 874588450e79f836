"""What can go wrong in the web application itself."""


class ServiceError(Exception):
    """Root of this package's errors."""


class ModelUnavailableError(ServiceError):
    """The model gave no answer at all: throttled, failing or unreachable before its first word (503)."""


class ModelInterruptedError(ServiceError):
    """The model's stream broke after it began: what was sent stays, the record says `truncated`."""


class TooManyRequestsError(ServiceError):
    """This person asks too often, or too many things at once (429)."""


class BusyError(ServiceError):
    """As many answers stream as this process can (503)."""


class NotFoundError(ServiceError):
    """Absent, or hidden from this reader: the two look the same (404)."""


class ForbiddenError(ServiceError):
    """No policy lets this principal do it (403)."""
