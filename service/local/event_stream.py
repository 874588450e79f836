"""From an event to its frame in AWS's event-stream encoding (application/vnd.amazon.eventstream).

A frame is total length, length of the headers, CRC-32 of these two, the headers, the payload, CRC-32 of all before it;
integers are big-endian (https://smithy.io/2.0/aws/amazon-eventstream.html).
"""

import json
import struct
from collections.abc import Mapping
from zlib import crc32

CONTENT_TYPE = "application/vnd.amazon.eventstream"

_STRING = 7
_FIXED = 16
"""Bytes of a frame without headers and payload: two lengths and two checksums."""


def event_frame(event_type: str, payload: Mapping[str, object]) -> bytes:
    """Return the frame of an event such as `contentBlockDelta` with its JSON `payload`."""
    return _frame({":event-type": event_type, ":message-type": "event"}, payload)


def exception_frame(exception_type: str, message: str) -> bytes:
    """Return the frame that ends a stream with an exception such as `throttlingException`."""
    return _frame({":exception-type": exception_type, ":message-type": "exception"}, {"message": message})


def _frame(headers: Mapping[str, str], payload: Mapping[str, object]) -> bytes:
    head = b"".join(_header(name, value) for name, value in {**headers, ":content-type": "application/json"}.items())
    body = json.dumps(payload).encode()
    prelude = struct.pack(">II", _FIXED + len(head) + len(body), len(head))
    checked = prelude + struct.pack(">I", crc32(prelude)) + head + body
    return checked + struct.pack(">I", crc32(checked))


def _header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    return struct.pack(">B", len(key)) + key + struct.pack(">BH", _STRING, len(text)) + text
