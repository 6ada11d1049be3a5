"""A half-made example shop is impossible, and outside the demo there is none."""

import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from django.contrib.auth import get_user_model

from guestlist.demo import seed
from guestlist.demo.models import Planting
from guestlist.stores.actions import BadBaseURL
from guestlist.stores.models import Website


@pytest.mark.django_db
def test_nothing_stays_when_planting_fails():
    with pytest.raises(BadBaseURL):
        seed.plant(base_url="nowhere", now=datetime.now(UTC))
    assert not Planting.objects.exists()
    assert not Website.objects.exists()


@pytest.mark.django_db
def test_accounts_do_not_exist_when_nothing_was_planted():
    assert not get_user_model().objects.exists()


def test_demo_is_not_there_when_it_is_not_asked_for(tmp_path):
    program = (
        "import django; django.setup()\n"
        "from django.apps import apps\n"
        "from django.urls import Resolver404, resolve\n"
        "assert not apps.is_installed('guestlist.demo')\n"
        "try:\n"
        "    resolve('/demo/inbox/')\n"
        "except Resolver404:\n"
        "    print('not there')\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GUESTLIST_")}
    environment |= {
        "GUESTLIST_DATA": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "guestlist.settings",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    run = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=120
    )
    assert run.stdout.strip() == "not there", run.stderr
