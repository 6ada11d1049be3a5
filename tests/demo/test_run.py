"""`guestlist demo`, as a process of its own."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

PATIENCE = 180
"""Seconds after which a test gives up; nothing is said about how long anything should take."""


class Demo:
    """A running demo and a browser without a screen."""

    def __init__(self, data: Path) -> None:
        self.port = _free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.data = data
        self.process = start("--port", str(self.port), "--data", str(data))
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def wait(self) -> None:
        self.until(lambda: self.get("/health/ready"))

    def until(self, look):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            assert self.process.poll() is None, self.process.communicate()[0]
            try:
                found = look()
            except (urllib.error.URLError, ConnectionError):
                found = None
            if found:
                return found
            time.sleep(0.2)
        pytest.fail("it never came")

    def get(self, path: str) -> str:
        with self._opener.open(f"{self.base}{path}", timeout=PATIENCE) as answer:
            return str(answer.read().decode())

    def post(self, path: str, page: str, **fields: str) -> str:
        token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[0]
        data = urllib.parse.urlencode({"csrfmiddlewaretoken": token, **fields}, doseq=True).encode()
        request = urllib.request.Request(
            f"{self.base}{path}", data, headers={"Referer": f"{self.base}{path}"}
        )
        with self._opener.open(request, timeout=PATIENCE) as answer:
            return str(answer.read().decode())

    def stop(self, number: int = signal.SIGINT) -> tuple[int, str]:
        self.process.send_signal(number)
        output: str = self.process.communicate(timeout=PATIENCE)[0]
        return self.process.returncode, output


def start(*arguments: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GUESTLIST_")}
    # What a real shop has set must not reach the demo.
    environment |= {
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/real",
        "GUESTLIST_DATA": "/nowhere",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "guestlist", "demo", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def refused(*arguments: str) -> str:
    process = start(*arguments)
    output: str = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 1, output
    return output


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    running = Demo(tmp_path_factory.mktemp("run") / "data")
    running.wait()
    yield running
    if running.process.poll() is None:
        running.process.kill()
        running.process.communicate(timeout=PATIENCE)


def test_mail_comes_into_the_inbox_when_a_customer_invites(demo):
    demo.post(
        "/account/login/",
        demo.get("/account/login/"),
        login="customer@example.com",
        password="guestlist-demo",
    )
    form = demo.get("/account/invitations/send/")
    preview = demo.post(
        "/account/invitations/send/", form, emails="floortje@example.org", message="Kom je ook?"
    )
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', preview))
    hidden.pop("csrfmiddlewaretoken", None)
    pressed = re.search(r'<button[^>]*name="(\w+)"[^>]*value="([^"]*)"', preview)
    demo.post(
        "/account/invitations/send/", preview, **hidden, **({pressed[1]: pressed[2]} if pressed else {})
    )
    mails = demo.until(lambda: json.loads(demo.get("/demo/inbox.json?to=floortje@example.org")))
    assert "Sanne de Vries" in mails[0]["subject"]
    assert "Kom je ook?" in mails[0]["text"]
    assert f"{demo.base}/invitation/" in mails[0]["text"]


def test_other_name_of_this_machine_reaches_the_shop_too(demo):
    with urllib.request.urlopen(f"http://localhost:{demo.port}/en/", timeout=PATIENCE) as answer:
        assert "For the table" in answer.read().decode()


def test_second_demo_is_refused_when_the_data_is_in_use(demo):
    assert "Another demo is running" in refused("--port", str(_free_port()), "--data", str(demo.data))


def test_demo_is_refused_when_the_port_is_taken(demo, tmp_path):
    output = refused("--port", str(demo.port), "--data", str(tmp_path / "new"))
    assert f"Port {demo.port} cannot be used" in output
    assert not (tmp_path / "new").exists()


def test_demo_stops_and_goes_on_elsewhere_when_it_is_told_to(demo):
    status, output = demo.stop()
    assert status == 0, output
    assert "guestlist-demo" in output
    assert "Traceback" not in output
    assert "Warning" not in output
    again = Demo(demo.data)
    try:
        again.wait()
        assert f"{again.base}/privacy/" in again.get("/")
        assert json.loads(again.get("/demo/inbox.json?to=floortje@example.org"))
        status, output = again.stop(signal.SIGTERM)
    finally:
        if again.process.poll() is None:
            again.process.kill()
            again.process.communicate(timeout=PATIENCE)
    assert status == 0, output
    assert "Making the example shop" not in output


def test_shop_is_whole_when_its_making_was_interrupted(tmp_path):
    first = Demo(tmp_path / "data")
    assert first.process.stdout
    assert "Making the example shop" in first.process.stdout.readline()
    status, output = first.stop()
    assert status == 0, output
    assert "Traceback" not in output
    second = Demo(first.data)
    try:
        second.wait()
        assert json.loads(second.get("/demo/inbox.json?to=naomi.oosterhuis@example.org"))
    finally:
        second.process.kill()
        second.process.communicate(timeout=PATIENCE)


@pytest.mark.parametrize("more", [[], ["--reset"]])
def test_folder_is_left_alone_when_it_is_not_a_demos(tmp_path, more):
    precious = tmp_path / "guestlist.sqlite3"
    precious.write_text("real", encoding="ascii")
    output = refused("--port", str(_free_port()), "--data", str(tmp_path), *more)
    assert "files that are not a demo's" in output
    assert precious.read_text(encoding="ascii") == "real"
    assert [entry.name for entry in tmp_path.iterdir()] == ["guestlist.sqlite3"]


def test_demo_is_refused_when_its_folder_cannot_be_made(tmp_path):
    file = tmp_path / "file"
    file.write_text("", encoding="ascii")
    output = refused("--port", str(_free_port()), "--data", str(file / "data"))
    assert "cannot keep its data" in output
    assert "--data" in output


def test_mail_server_is_named_when_its_address_cannot_be_read(tmp_path, monkeypatch):
    # Not through the environment that start() cleans: it keeps what the demo itself keeps.
    process = subprocess.run(
        [
            sys.executable,
            "-m",
            "guestlist",
            "demo",
            "--port",
            str(_free_port()),
            "--data",
            str(tmp_path / "data"),
        ],
        env={**os.environ, "GUESTLIST_SMTP_URL": "http://mail", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert process.returncode == 1
    assert "GUESTLIST_SMTP_URL" in process.stdout
    assert "Traceback" not in process.stdout + process.stderr
