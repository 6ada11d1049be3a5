"""A pytest plug-in, loaded before the settings: every process of a run gets a data folder of its own."""

import atexit
import os
import shutil
import tempfile

_data = tempfile.mkdtemp(prefix="guestlist-test-")
atexit.register(shutil.rmtree, _data, ignore_errors=True)

for name in [name for name in os.environ if name.startswith("GUESTLIST_")]:
    del os.environ[name]  # what a developer has set for a shop of their own is not for the tests
os.environ["GUESTLIST_DATA"] = _data
os.environ["GUESTLIST_DEMO"] = "1"  # the demo has tests too, and static files need no collecting
os.mkdir(os.path.join(_data, "static"))  # noqa: PTH102, PTH118 - its absence would be warned of
