"""What can go wrong in the local cloud, and what its fault models raise on purpose."""


class LocalCloudError(Exception):
    """Root of this package's errors."""


class ModelFileError(LocalCloudError):
    """A file of the embedding model is missing or is not the pinned one: do not start."""


class BedrockError(LocalCloudError):
    """An error as Bedrock would answer it: `status` and `kind`, such as 429 and `ThrottlingException`."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


class HangError(LocalCloudError):
    """Raised by a fault model that falls silent for ever, its connection left open."""


class BreakError(LocalCloudError):
    """Raised by a fault model whose connection breaks in the middle of a frame."""


def invalid(message: str) -> BedrockError:
    """Return the error for a request that Bedrock would refuse (400 ValidationException)."""
    return BedrockError(400, "ValidationException", message)
