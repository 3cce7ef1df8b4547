"""`python -m minicrest` is `minicrest`."""

import sys

from minicrest.cli import main

sys.exit(main())
