"""The stack on AWS. It imports nothing of the application, and the application imports nothing of it."""
