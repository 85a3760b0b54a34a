"""Evidence that is slower than a test: each module here is run by name and commits its table."""
