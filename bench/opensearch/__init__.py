"""The same questions asked of a real OpenSearch: what its filter costs, what it finds, how it grows."""
