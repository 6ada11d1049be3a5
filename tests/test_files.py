"""What the installation writes down is readable by its owner alone."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import guestlist

_SOURCE = str(Path(guestlist.__file__).parents[1])


@pytest.mark.requirement("trust-26")
def test_database_and_secrets_are_their_owners_alone(tmp_path) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": _SOURCE, "GUESTLIST_DATA": str(tmp_path)}
    subprocess.run([sys.executable, "-c", "import guestlist.settings"], env=environment, check=True)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in written} >= {"guestlist.sqlite3", "guestlist_secret_key"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {0o600}
