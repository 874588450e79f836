"""Who may see what. Knows no search engine, no web framework, no model."""
