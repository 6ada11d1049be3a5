"""``guestlist check --mail``: reads what is set up, has it looked at, and prints what was found."""

from __future__ import annotations

import ipaddress
import json
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from guestlist.mail import checkup, dkim, letters, providers, transport
from guestlist.mail.answers import Answer
from guestlist.mail.checkup import Finding, Level, Sender, Topic
from guestlist.mail.dns import Resolver
from guestlist.mail.models import SenderIdentity
from guestlist.mail.providers import Provider
from guestlist.mail.transport import Server
from guestlist.refusal import Refusal

_LEAST_WIDTH = 60
_MOST_WIDTH = 110
_PATIENCE = 15.0
_USAGE = 2


def main(*, website: str = "", addresses: Sequence[str] = (), as_json: bool = False) -> int:
    """Print what is found of the senders of a website, or of all, and return the exit status: 1 where there is a problem.

    `addresses` are the IP addresses that mail leaves from, as the operator knows them.
    """
    try:
        given = [str(ipaddress.ip_address(one)) for one in addresses]
    except ValueError as error:
        return _refused(f"--address: {error}.")
    try:
        resolver = Resolver.configured(settings.GUESTLIST_DNS_SERVER)
    except ImproperlyConfigured as error:
        return _refused(str(error))
    identities = SenderIdentity.objects.select_related("website").prefetch_related("website__store_views")
    if website:
        identities = identities.filter(website__code=website)
        if not identities:
            return _refused(f"There is no website “{website}” with a sender.")
    findings = found(identities.order_by("website__code", "code"), addresses=given, resolver=resolver)
    print(_as_json(findings) if as_json else _as_text(findings))  # noqa: T201 - a command
    return int(any(finding.level is Level.PROBLEM for finding in findings))


def found(
    identities: Iterable[SenderIdentity], *, addresses: Sequence[str], resolver: Resolver
) -> list[Finding]:
    """Return what is found of these senders with the mail server, keys and return path that are configured."""
    mistakes: list[Finding] = []
    server = _made(lambda: _server(settings.GUESTLIST_SMTP_URL), "GUESTLIST_SMTP_URL", Topic.SERVER, mistakes)
    provider = _made(providers.configured, "GUESTLIST_MAIL_API", Topic.SERVER, mistakes)
    signer = _made(dkim.configured, "GUESTLIST_DKIM", Topic.DKIM, mistakes)
    senders = _senders(identities, mistakes)
    # A provider signs, and takes bounces at a return path of its own.
    back = "" if provider else settings.GUESTLIST_RETURN_PATH
    if provider:
        mistakes += _told(provider)
    return mistakes + checkup.look(
        senders,
        server=server,
        addresses=addresses,
        signer=None if provider else signer,
        return_path=letters.mailbox(back) if back else None,
        resolver=resolver,
        probe=partial(_probed, server) if server else None,
        api=provider.name if provider else "",
    )


def _told(provider: Provider) -> list[Finding]:
    """Return what keeps a provider from taking mail, or from telling of bounces."""
    found: list[Finding] = []
    _made(provider.backend, "GUESTLIST_MAIL_API", Topic.SERVER, found)
    if not settings.GUESTLIST_MAIL_API_WEBHOOK_SECRET:
        text = _(
            "Nobody can tell of bounces and complaints. Set GUESTLIST_MAIL_API_WEBHOOK_SECRET, and enter the address of "
            "the webhook at %(subject)s."
        )
        found.append(Finding("webhook_missing", Level.PROBLEM, Topic.SERVER, provider.name, text))
    else:
        _made(provider.events, "GUESTLIST_MAIL_API", Topic.SERVER, found)
    return found


def _server(url: str) -> Server | None:
    return Server.parse(url) if url else None


def _probed(server: Server, address: str) -> Answer:
    # A person waits for this answer.
    return transport.probe(replace(server, timeout=min(server.timeout, _PATIENCE)), sender=address)


def _made[Part](
    make: Callable[[], Part], variable: str, topic: Topic, mistakes: list[Finding]
) -> Part | None:
    try:
        return make()
    except ImproperlyConfigured as error:
        text = _("%(reason)s The worker does not start like this.")
        mistakes.append(
            Finding("unusable_setting", Level.PROBLEM, topic, variable, text, {"reason": str(error)})
        )
        return None


def _senders(identities: Iterable[SenderIdentity], mistakes: list[Finding]) -> list[Sender]:
    senders = []
    for identity in identities:
        hosts = {urlsplit(view.base_url).hostname or "" for view in identity.website.store_views.all()}
        try:
            senders.append(Sender(letters.mailbox(identity.address), frozenset(hosts)))
        except Refusal as refusal:
            text = _("%(reason)s Mend this sender in the staff site.")
            mistakes.append(
                Finding(
                    "sender_unusable",
                    Level.PROBLEM,
                    Topic.SENDERS,
                    identity.address,
                    text,
                    {"reason": str(refusal)},
                )
            )
    return senders


def _as_json(findings: Sequence[Finding]) -> str:
    return json.dumps({"findings": [finding.as_data() for finding in findings]}, indent=2, ensure_ascii=False)


def _as_text(findings: Sequence[Finding]) -> str:
    """Return a table to read; records stand whole on their lines, to be copied."""
    width = max(_LEAST_WIDTH, min(_MOST_WIDTH, shutil.get_terminal_size().columns))
    first = max(len(str(one.level.label)) for one in findings) + 2
    margin = first + max(len(str(one.topic.label)) for one in findings) + 2
    lines: list[str] = []
    for finding in findings:
        start = f"{finding.level.label:<{first}}{finding.topic.label}".ljust(margin)
        lines += textwrap.wrap(
            finding.message,
            width,
            initial_indent=start,
            subsequent_indent=" " * margin,
            break_long_words=False,
            break_on_hyphens=False,
        )
        if finding.record:
            parts = (
                ("name", finding.record.name),
                ("type", finding.record.kind),
                ("value", finding.record.value),
            )
            lines += [f"{' ' * margin}{name:<7}{value}" for name, value in parts]
    levels = [one.level for one in findings]
    problems, warnings = levels.count(Level.PROBLEM), levels.count(Level.WARNING)
    return "\n".join([*lines, "", f"problems: {problems}, warnings: {warnings}"])


def _refused(message: str) -> int:
    print(message, file=sys.stderr)  # noqa: T201 - a command
    return _USAGE
