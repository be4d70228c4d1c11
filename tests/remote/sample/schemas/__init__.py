"""The project's own schemas."""

OWN = True
