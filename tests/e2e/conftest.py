"""A real browser for the journeys: the system's Chromium, driven by Playwright, at a demo of their own."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    Playwright,
    StorageState,
    expect,
    sync_playwright,
)

from tests import postgres
from tests.e2e import shop as shops
from tests.e2e.shop import Shop
from tests.e2e.watching import Watch

_HERE = Path(__file__).parent
_NAMES = ("chromium", "chromium-browser", "google-chrome")
# Without these Chromium talks to its maker's servers in the background.
_QUIET = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]

# Long, as a busy machine is slow and nothing here asserts on time.
_PATIENCE_MS = 20_000
expect.set_options(timeout=_PATIENCE_MS)

type Open = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what stands in this folder."""
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start the browser; a machine without one fails, with the line that installs it."""
    with sync_playwright() as playwright:
        started = launched(playwright)
        yield started
        started.close()


def launched(playwright: Playwright) -> Browser:
    """Launch the system's browser."""
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.fail("The journeys need a browser: sudo apt-get install chromium", pytrace=False)
    # Chromium refuses its own sandbox to root, which is who runs the tests in a container.
    quiet = [*_QUIET, "--no-sandbox"] if os.geteuid() == 0 else _QUIET
    return playwright.chromium.launch(executable_path=program, args=quiet)


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Plant the example shop once a run, whichever of several processes comes first."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    return shops.seeded(root / "seeded")


@pytest.fixture(scope="session")
def shop(seeded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Run a demo for the journeys that leave one another alone: each with addresses of its own."""
    with shops.running(shops.copied(seeded, tmp_path_factory.mktemp("demo") / "data")) as running:
        yield running


@pytest.fixture
def own_shop(seeded: Path, tmp_path: Path) -> Iterator[Shop]:
    """Run a demo for a journey that switches something for everybody."""
    with shops.running(shops.copied(seeded, tmp_path / "data")) as running:
        yield running


@pytest.fixture(scope="session")
def postgresql_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Run a demo on PostgreSQL."""
    data = tmp_path_factory.mktemp("postgresql") / "data"
    with postgres.running() as url, shops.running(data, database=url) as running:
        yield running


# One group, so that only one of several processes starts a database server.
@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.xdist_group("postgresql"))])
def either_shop(request: pytest.FixtureRequest) -> Shop:
    """Give a demo on each database."""
    name = "shop" if request.param == "sqlite" else "postgresql_shop"
    running: Shop = request.getfixturevalue(name)
    return running


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Collect what goes wrong in the browser without showing; anything fails the test at its end."""
    watching = Watch()
    yield watching
    assert not watching.problems, "\n".join(watching.problems)


@pytest.fixture
def open_page(browser: Browser, watch: Watch) -> Iterator[Open]:
    """Give what opens a browser of one more person, 1440 px wide, in English, unless asked otherwise."""
    contexts: list[BrowserContext] = []

    def opened(**options: Any) -> Page:
        size = {"width": options.pop("width", 1440), "height": options.pop("height", 900)}
        context = browser.new_context(**({"viewport": size, "locale": "en-US"} | options))
        context.set_default_timeout(_PATIENCE_MS)
        contexts.append(context)
        watch.over(context)
        return context.new_page()

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def page(open_page: Open) -> Page:
    """Open the browser of one person without anybody's cookies."""
    return open_page()


@pytest.fixture(scope="session")
def sessions() -> dict[tuple[str, str], StorageState]:
    """Keep who signed in where: people stay signed in from one journey to the next."""
    return {}


@pytest.fixture
def signed_in(open_page: Open, sessions: dict[tuple[str, str], StorageState]) -> Callable[..., Page]:
    """Give what opens the browser of somebody who is signed in."""

    def opened(shop: Shop, email: str, **options: Any) -> Page:
        state = sessions.get((shop.base, email))
        page = open_page(**options, storage_state=state)
        if state is None:
            is_staff = email.startswith(("staff@", "support@", "marketing@"))
            (sign_in_as_staff if is_staff else sign_in)(page, shop, email)
            sessions[shop.base, email] = page.context.storage_state()
        return page

    return opened


def sign_in(page: Page, shop: Shop, email: str, password: str = shops.PASSWORD, *, view: str = "/en") -> None:
    """Sign in as a customer, by the form."""
    page.goto(shop.url(f"{view}/account/login/"))
    page.locator("input[name=login]").fill(email)
    page.locator("input[name=password]").fill(password)
    page.locator("form[action$='/account/login/'] button").click()
    page.wait_for_url(f"**{view}/account/")


def sign_in_as_staff(page: Page, shop: Shop, email: str) -> None:
    """Sign in to the staff site."""
    page.goto(shop.url("/staff/"))
    page.locator("input[name=username]").fill(email)
    page.locator("input[name=password]").fill(shops.PASSWORD)
    page.locator("button[type=submit]").click()
    page.wait_for_url("**/staff/")


@pytest.fixture
def someone() -> Callable[..., str]:
    """Give what makes up an address that nobody has used."""

    def made(name: str = "friend", domain: str = "example.org") -> str:
        return f"{name}.{uuid.uuid4().hex[:8]}@{domain}"

    return made
