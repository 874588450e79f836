"""Finding, ingesting, remembering and forgetting documents, always for a principal."""
