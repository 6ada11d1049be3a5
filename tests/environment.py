"""A pytest plug-in, loaded before the settings: every process of a run gets a data folder of its own."""

import os
import tempfile

# Kept in a module variable: the folder goes when the process ends.
_data = tempfile.TemporaryDirectory(prefix="guestlist-test-", ignore_cleanup_errors=True)

for name in [name for name in os.environ if name.startswith("GUESTLIST_")]:
    del os.environ[name]  # what a developer has set for a shop of their own is not for the tests
os.environ["GUESTLIST_DATA"] = _data.name
os.environ["GUESTLIST_HTTPS"] = "0"
