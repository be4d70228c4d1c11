"""The project's own clients of a transcoding provider."""

OWN = True
