"""A real HTTP server for tests that acts as a provider's API: answers as it is told, keeps what it is sent."""

import contextlib
import json
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ANSWERS: dict[str, dict[str, Any]] = {
    "postmark": {"ErrorCode": 0, "Message": "OK", "MessageID": "0a1b-2c3d", "To": ""},
    "brevo": {"messageId": "<202611211200.7@smtp-relay.example>"},
    "mailgun": {"id": "<20261121.7@shop.example>", "message": "Queued. Thank you."},
    "mailjet": {
        "Messages": [{"Status": "success", "To": [{"Email": "", "MessageID": 7}], "Cc": [], "Bcc": []}]
    },
    "mailtrap": {"success": True, "message_ids": ["0c7fd939"]},
    "mandrill": {"email": "", "status": "sent", "_id": "abc7"},
    "resend": {"id": "49a3999c-0ce1"},
    "sparkpost": {"results": {"total_rejected_recipients": 0, "total_accepted_recipients": 1, "id": "7123"}},
}
"""What each provider says when it takes a mail."""


@dataclass
class Said:
    """One answer; ``after`` seconds, or never where the line is dropped before it."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    after: float = 0
    drop: bool = False


@dataclass
class ApiServer:
    """Keeps requests; `answers` by recipient, ``*`` for everybody else; without any a mail is taken."""

    provider: str = "postmark"
    answers: dict[str, Said] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)
    connections: int = 0
    most_at_once: int = 0
    at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def bodies(self) -> list[Any]:
        return [json.loads(one["body"]) for one in self.requests]

    def say(self, body: str) -> Said:
        """Return what to answer to a request with this body."""
        for recipient, said in self.answers.items():
            if recipient != "*" and recipient in body:
                return said
        return self.answers.get("*") or Said(body=self._taken(body))

    def _taken(self, body: str) -> Any:
        to = json.loads(body).get("To", "") if self.provider == "postmark" else ""
        fitting = json.dumps(ANSWERS[self.provider])
        if self.provider == "postmark":
            return json.loads(fitting) | {"To": to}
        return [json.loads(fitting)] if self.provider == "mandrill" else json.loads(fitting)


@contextlib.contextmanager
def running(api: ApiServer):
    """Run the server until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            with api.lock:
                api.connections += 1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            with api.lock:
                api.requests.append({"path": self.path, "headers": dict(self.headers), "body": body})
                api.at_once += 1
                api.most_at_once = max(api.most_at_once, api.at_once)
            said = api.say(body)
            time.sleep(said.after)
            with api.lock:
                api.at_once -= 1
            if said.drop:
                # A reset, not an orderly end.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                self.connection.close()
                return
            answer = said.body if isinstance(said.body, str) else json.dumps(said.body)
            with contextlib.suppress(OSError):  # who does not wait any more hears nothing
                self._answer(said, answer.encode())

        def _answer(self, said: Said, answer: bytes) -> None:
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def finish(self) -> None:
            with contextlib.suppress(OSError, ValueError):
                super().finish()

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    api.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
