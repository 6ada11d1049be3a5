"""What the large mailbox providers ask of those who send in bulk, and what a shop still misses of it.

Google: "Email sender guidelines" (since February 2024). Yahoo: "Sender Best Practices" (since February 2024). Microsoft:
"Requirements for high-volume senders" of Outlook.com (since May 2025). All from about 5,000 mails a day, but a shop that
keeps them from the first has nothing to mend later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from guestlist.mail.checkup.findings import Finding, Level, Topic

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

ASKED: dict[str, tuple[Topic, ...]] = {
    "Gmail": (Topic.SPF, Topic.DKIM, Topic.DMARC, Topic.REVERSE, Topic.TLS),
    "Yahoo": (Topic.SPF, Topic.DKIM, Topic.DMARC, Topic.REVERSE),
    "Microsoft": (Topic.SPF, Topic.DKIM, Topic.DMARC, Topic.REPLIES),
}
"""What each asks for that can be looked at. One From address, the right form, and unsubscribing with one press (RFC 8058)
are in every mail that Guestlist makes."""


def missed(domain: str, findings: Iterable[Finding]) -> list[Finding]:
    """Return for each provider what mail from a domain still misses, given what was found about it and its way."""
    about = list(findings)
    return [_missed(provider, domain, topics, about) for provider, topics in ASKED.items()]


def _missed(provider: str, domain: str, topics: Sequence[Topic], about: Sequence[Finding]) -> Finding:
    levels = {topic: [one.level for one in about if one.topic == topic] for topic in topics}
    bad = [topic.label for topic in topics if Level.PROBLEM in levels[topic]]
    unseen = [
        topic.label
        for topic in topics
        if not levels[topic] or any(one.topic == topic and not one.seen for one in about)
    ]
    data = {"provider": provider, "missing": bad, "unseen": unseen}
    code = f"rules_{provider.lower()}"
    text: str | _StrPromise
    if bad:
        text = _("%(provider)s's rules for bulk mail: %(subject)s still misses %(missing)s.")
        return Finding(code, Level.PROBLEM, Topic.RULES, domain, text, data)
    if unseen:
        text = _(
            "%(provider)s's rules for bulk mail: %(subject)s misses nothing that can be seen from here. What cannot: "
            "%(unseen)s."
        )
        return Finding(code, Level.OK, Topic.RULES, domain, text, data, seen=False)
    text = _("%(provider)s's rules for bulk mail: %(subject)s misses nothing.")
    return Finding(code, Level.OK, Topic.RULES, domain, text, data)


def complaints() -> Finding:
    """Return what no record can mend: how many of those who get mail may complain of it."""
    text = _(
        "All three look at complaints: stay below 0.1 %% of the mails that arrive, and never reach 0.3 %%. Gmail shows "
        "yours in its Postmaster Tools, Yahoo in its Sender Hub, Microsoft in its SNDS."
    )
    return Finding("rules_complaints", Level.OK, Topic.RULES, "0.1 %", text, seen=False)
