"""`python -m whygrad` is `whygrad`."""

import sys

from whygrad.cli import main

sys.exit(main())
