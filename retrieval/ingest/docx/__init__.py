"""From a DOCX file's bytes to the text that a reader would see."""
