"""``python -m mediaglot``."""

import sys

from mediaglot.gateway.start import main

sys.exit(main())
