"""What goes wrong in a browser without showing: errors of scripts, other hosts, answers that fail, a broken policy."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, Response

_REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
"""


@dataclass
class Watch:
    """The problems of all browsers of a test."""

    problems: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def over(self, context: BrowserContext) -> None:
        """Watch every page of a browser."""
        context.add_init_script(_REPORT_VIOLATIONS)
        context.on("console", self._said)
        context.on("weberror", lambda error: self.problems.append(f"script: {error.error}"))
        context.on("request", self._asked)
        context.on("response", self._answered)

    def _said(self, message: ConsoleMessage) -> None:
        # Chromium logs every answer of 400 and above; what was meant so is sorted out where answers are looked at.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.problems.append(f"console: {message.text} ({message.location.get('url')})")

    def _asked(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in {"data", "blob", "about"}:
            return
        self.hosts.add(address.hostname or "")
        if address.hostname != "127.0.0.1":
            self.problems.append(f"another host: {request.url}")

    def _answered(self, response: Response) -> None:
        # A page may say no in its own words (404, 410, 422); a file may not, and nothing may break.
        is_page = response.request.resource_type == "document"
        if response.status >= (500 if is_page else 400):
            self.problems.append(f"{response.status}: {response.url}")
