"""The bucket of documents in Amazon S3. A version is the object's version id, or ETag and time where none are kept."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from retrieval.errors import BucketUnavailableError, SourceError
from retrieval.ingest.bucket import Stored

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_GONE = frozenset({"404", "NoSuchKey", "NotFound"})
_ETAG = "etag:"


@contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError, HTTPError, KeyError, TypeError) as error:
        message = "the bucket of documents does not answer as it should"
        raise BucketUnavailableError(message) from error


@dataclass(frozen=True, slots=True)
class S3Bucket:
    """`Bucket` over one bucket of S3, which reads what was written last."""

    client: "S3Client"
    name: str

    def version(self, key: str) -> str | None:
        """Return the version of the object at `key`, or None. Raises `BucketUnavailableError`."""
        with _translating():
            try:
                return _version(self.client.head_object(Bucket=self.name, Key=key))
            except ClientError as error:
                if not _is_gone(error):
                    raise
                return None

    def written(self, key: str) -> int | None:
        """Return when the object at `key` was written, or None. Raises `BucketUnavailableError`."""
        with _translating():
            try:
                return int(self.client.head_object(Bucket=self.name, Key=key)["LastModified"].timestamp()) * 1000
            except ClientError as error:
                if not _is_gone(error):
                    raise
                return None

    def read(self, key: str, most: int) -> Stored | None:
        """Return the object at `key`, or None. Raises `SourceError` if it is larger, and `BucketUnavailableError`."""
        with _translating():
            try:
                answer = self.client.get_object(Bucket=self.name, Key=key)
            except ClientError as error:
                if not _is_gone(error):
                    raise
                return None
            with closing(answer["Body"]) as body:
                if answer["ContentLength"] > most:
                    message = f"{answer['ContentLength']:,} bytes; at most {most:,} are read"
                    raise SourceError(message)
                return Stored(body.read(), _version(answer))

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with `prefix`, page by page. Raises `BucketUnavailableError`."""
        more: dict[str, str] = {}
        while True:
            with _translating():
                page = self.client.list_objects_v2(Bucket=self.name, Prefix=prefix, **more)  # type: ignore[arg-type]
                found = [each["Key"] for each in page.get("Contents", [])]
            if not {"IsTruncated"} <= page.keys():  # an answer that is none would read as an empty folder
                message = "the list of keys is none of the bucket's"
                raise BucketUnavailableError(message)
            yield from found
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def write(self, key: str, content: bytes) -> None:
        """Write an object. Raises `BucketUnavailableError`."""
        with _translating():
            written = self.client.put_object(Bucket=self.name, Key=key, Body=content)
        # To botocore any answer of status 200 is a success, a proxy's page included; only S3 names what it wrote.
        if not written.get("ETag"):
            message = "the answer to a write is none of the bucket's"
            raise BucketUnavailableError(message)

    def remove(self, key: str, version: str) -> None:
        """Remove this version of an object: none of it lies behind a marker. Raises `BucketUnavailableError`."""
        with _translating():
            if version.startswith(_ETAG):
                self.client.delete_object(Bucket=self.name, Key=key)
            else:
                self.client.delete_object(Bucket=self.name, Key=key, VersionId=version)


def _version(answer: Any) -> str:  # noqa: ANN401 - as boto3 gives it
    version = answer.get("VersionId")
    if version not in {None, "null"}:
        return str(version)
    return f"{_ETAG}{answer['ETag']}@{answer['LastModified'].isoformat()}"


def _is_gone(error: ClientError) -> bool:
    return error.response["Error"]["Code"] in _GONE
