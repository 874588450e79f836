"""How much work one PDF may be: counted over all of its pages, beside pypdf's limits for each of its parts."""

from dataclasses import dataclass
from typing import Final

from pypdf import Configuration

from retrieval.errors import SourceError
from retrieval.ingest.source import MAX_SOURCE_BYTES

MAX_PAGES: Final = 2_000
MAX_OPERATIONS: Final = 1_000_000
"""Drawing operations in a document."""
MAX_UNPACKED: Final = 32 << 20
"""Bytes of drawing in a document, unpacked."""
MAX_FORMS: Final = 2_000
"""Drawings within drawings on a page."""
MAX_DEPTH: Final = 16
"""Drawings within drawings within drawings."""

_PART: Final = 8 << 20
"""Bytes that one part of a document may unpack to. A page has far less; images are not unpacked."""

LIMITS: Final = Configuration(
    maximum_declared_stream_length=MAX_SOURCE_BYTES,
    array_based_stream_maximum_output_length=_PART,
    array_maximum_element_count=100_000,
    dictionary_maximum_element_count=100_000,
    jbig2_maximum_output_length=1,
    lzw_maximum_output_length=_PART,
    run_length_maximum_output_length=_PART,
    zlib_maximum_output_length=_PART,
    zlib_maximum_recovery_input_length=1 << 20,
    brotli_maximum_output_length=_PART,
    flate_maximum_columns=65_536,
    flate_maximum_row_length=1 << 20,
    image_maximum_buffer_size=1,
    stream_filters_maximum_length=4,
    stream_decoding_work_maximum_length=2 * _PART,
    stream_parsing_work_maximum_count=500_000,
    xmp_maximum_input_length=1,
    xmp_maximum_element_count=1,
    outline_maximum_entries=1,
    outline_maximum_depth=1,
    page_tree_maximum_entries=4 * MAX_PAGES,
    page_tree_maximum_depth=64,
    page_tree_maximum_page_entries=100 * MAX_PAGES,
    form_fields_maximum_entries=1,
    form_fields_maximum_depth=1,
    named_destinations_maximum_entries=1,
    named_destinations_maximum_depth=1,
    xform_maximum_invocations_per_extraction=0,
    xfa_decoding_work_maximum_length=1,
    jbig2dec_binary=None,
    disable_legacy_handling=True,
)
"""Each of pypdf's limits, also where it is the default. What is not read (images, outlines, forms) may cost nothing."""


@dataclass(slots=True)
class Budget:
    """What is left for one document."""

    operations: int = MAX_OPERATIONS
    unpacked: int = MAX_UNPACKED

    def spend(self, operations: int, unpacked: int = 0) -> None:
        """Count work. Raises `SourceError` if it is more than is left."""
        self.operations -= operations
        self.unpacked -= unpacked
        if self.operations < 0 or self.unpacked < 0:
            message = "the PDF draws more than is read of one document: split it"
            raise SourceError(message)
