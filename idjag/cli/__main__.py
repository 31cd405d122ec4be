"""``python -m idjag.cli``."""

import sys

from idjag.cli import main

sys.exit(main())
