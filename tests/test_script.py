"""What the script `guestlist` installs, and when; its Python is a stand-in that writes down what it is asked for."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYTHON = """#!/bin/sh
echo "$*" >>"{asked}"
case "$*" in
    *_base_executable*) echo "$0" ;;
    "-m venv "*) mkdir -p "$3/bin" "$3/site" && cp "$0" "$3/bin/python" ;;
    *purelib*) echo "{site}" ;;
esac
"""


@pytest.fixture
def clone(tmp_path):
    """Return a folder with the script and the requirements, and no environment yet."""
    shutil.copy(ROOT / "guestlist", tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    python = tmp_path / "python"
    python.write_text(PYTHON.format(asked=tmp_path / "asked", site=tmp_path / ".venv/site"))
    python.chmod(0o755)
    return tmp_path


def installed(clone, *arguments, **environment):
    """Run the script and return the lists that it installed."""
    asked = clone / "asked"
    asked.write_text("")
    subprocess.run(
        [clone / "guestlist", *arguments],
        env={"PATH": "/usr/bin:/bin", "GUESTLIST_PYTHON": str(clone / "python"), **environment},
        check=True,
        capture_output=True,
    )
    return [Path(line.split()[-1]).stem for line in asked.read_text().splitlines() if "-r " in line]


def test_script_installs_the_extras_once_for_celery_and_again_into_a_new_environment(clone):
    assert installed(clone, "serve") == ["base"]
    assert installed(clone, "celery", "beat") == ["extras"]
    assert installed(clone, "celery", "beat") == installed(clone, "serve") == []

    shutil.rmtree(clone / ".venv")

    assert installed(clone, "celery", "beat") == ["extras"]


@pytest.mark.parametrize("variable", ["GUESTLIST_MAIL_API", "GUESTLIST_MAIL_API_FILE"])
def test_script_installs_the_extras_where_a_provider_takes_the_mail(variable, clone):
    assert installed(clone, "worker", **{variable: "postmark"}) == ["extras"]
    assert installed(clone, "test") == ["dev"]
    assert installed(clone, "worker", **{variable: "postmark"}) == []


def test_each_list_of_requirements_has_all_of_the_smaller_one():
    base, extras, dev = (
        {line for line in (ROOT / f"requirements/{name}.txt").read_text().splitlines() if "==" in line}
        for name in ("base", "extras", "dev")
    )

    assert base < extras < dev
