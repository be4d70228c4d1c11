"""``python -m mediaglot``."""

import sys

from mediaglot.gateway.cli import main

sys.exit(main())
