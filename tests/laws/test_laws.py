"""The laws, over every dialect that is installed."""

from mediaglot.gateway.testing import *  # noqa: F403
