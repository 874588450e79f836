"""The web process under load: many people at once, for minutes, and what it holds and records afterwards."""
