"""`python -m raa.cli`."""

import sys

from raa.cli import main

sys.exit(main())
