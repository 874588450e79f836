"""From a PDF's bytes to the text that a reader would see, page by page."""
