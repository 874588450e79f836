"""From a source's bytes to passages in the registry and the index."""
