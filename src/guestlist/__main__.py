"""`python -m guestlist`."""

import sys

from guestlist.cli import main

sys.exit(main())
