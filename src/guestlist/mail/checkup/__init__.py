"""A look at the set-up of mail: the names, keys and servers that decide whether it arrives. Nothing is sent or changed.

:func:`look` answers for some senders with :class:`Finding` objects, in the order in which to read them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from guestlist.mail.answers import Result
from guestlist.mail.checkup import alignment, route, rules, signatures, sources
from guestlist.mail.checkup.findings import Finding, Level, Record, Topic
from guestlist.mail.checkup.route import Route
from guestlist.mail.dns import LookupFailed

if TYPE_CHECKING:
    from guestlist.mail.answers import Answer
    from guestlist.mail.dkim import Signer
    from guestlist.mail.dns import Resolver
    from guestlist.mail.letters import Mailbox
    from guestlist.mail.transport import Server

__all__ = ["Finding", "Level", "Record", "Sender", "Topic", "look"]

_AT_ONCE = 8

type _Look = tuple[Topic, str, Callable[[], list[Finding]]]


@dataclass(frozen=True, slots=True)
class Sender:
    """An address that a shop sends from, and the hosts of that shop's pages."""

    mailbox: Mailbox
    hosts: frozenset[str] = frozenset()


def look(
    senders: Sequence[Sender],
    *,
    server: Server | None,
    addresses: Sequence[str],
    signer: Signer | None,
    return_path: Mailbox | None,
    resolver: Resolver,
    probe: Callable[[str], Answer] | None = None,
    api: str = "",
) -> list[Finding]:
    """Return what was found, by topic: the mail server first, the bulk rules of each From domain last.

    `addresses` are the IP addresses that mail leaves from, where the operator named them; `return_path` the address that
    bounces go to, where it is not the sender's own; `probe` asks the mail server whether it takes a sender's address; `api`
    names the provider that takes mail by HTTP instead.
    """
    try:
        way = route.known(server, addresses=addresses, resolver=resolver, api=api)
    except LookupFailed as failed:
        return [_not_found_out(Topic.SERVER, failed)]
    back = return_path.domain if return_path else ""
    hosts: dict[str, frozenset[str]] = {}
    for sender in senders:
        hosts[sender.mailbox.domain] = hosts.get(sender.mailbox.domain, frozenset()) | sender.hosts
    shared = _looked([(Topic.TLS, "", lambda: route.tls(way)), (Topic.REVERSE, "", _reverse(way, resolver))])
    if probe and server:
        wanted = {return_path.address} if return_path else {one.mailbox.address for one in senders}
        shared += _asked(sorted(wanted), probe)
    if back:
        shared += _looked(_of_return_path(back, way, resolver))
    found = list(shared)
    for domain in sorted(hosts):
        about = _looked(_of_domain(domain, back, way, signer, resolver))
        found += [*about, *_apart(domain, hosts[domain]), *rules.missed(domain, [*shared, *about])]
    return _in_order([*found, rules.complaints() if hosts else _nobody()])


def _in_order(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings by topic, each once: a key or a return path may serve several domains."""
    topics = list(Topic)
    once = {(one.code, one.topic, one.subject): one for one in findings}
    return sorted(once.values(), key=lambda one: topics.index(one.topic))


def _asked(addresses: Sequence[str], probe: Callable[[str], Answer]) -> list[Finding]:
    """Return what the mail server says of the addresses; a server that is not there is asked once."""
    found: list[Finding] = []
    for address in addresses:
        answer = probe(address)
        found.append(route.accepted(address, answer))
        if answer.result is Result.UNREACHABLE:
            break
    return found


def _of_domain(domain: str, back: str, way: Route, signer: Signer | None, resolver: Resolver) -> list[_Look]:
    keys = signer.aligned(domain) if signer else ()
    provider = way.through_provider
    looks: list[_Look] = [
        (
            Topic.DKIM,
            domain,
            lambda: signatures.examine(domain, keys=keys, resolver=resolver, through_provider=provider),
        ),
        (
            Topic.DMARC,
            domain,
            lambda: alignment.examine(
                domain, envelope=back or domain, keys=keys, resolver=resolver, through_provider=provider
            ),
        ),
        (
            Topic.REPLIES,
            domain,
            lambda: route.replies(domain, resolver=resolver, topic=Topic.REPLIES),
        ),
    ]
    # Where there is a return path, receivers look there for SPF, and the From domain needs no record of its own.
    return looks if back else [_sources(domain, way, resolver), *looks]


def _of_return_path(domain: str, way: Route, resolver: Resolver) -> list[_Look]:
    return [
        _sources(domain, way, resolver),
        (Topic.BOUNCES, domain, lambda: route.replies(domain, resolver=resolver, topic=Topic.BOUNCES)),
    ]


def _sources(domain: str, way: Route, resolver: Resolver) -> _Look:
    return Topic.SPF, domain, lambda: sources.examine(domain, way=way, resolver=resolver)


def _reverse(way: Route, resolver: Resolver) -> Callable[[], list[Finding]]:
    return lambda: route.reverse(way, resolver=resolver)


def _looked(looks: Sequence[_Look]) -> list[Finding]:
    """Return what came of some looks, taken at the same time, in their order."""
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        return [finding for found in pool.map(_one, looks) for finding in found]


def _one(what: _Look) -> list[Finding]:
    topic, _subject, examine = what
    try:
        return examine()
    except LookupFailed as failed:
        return [_not_found_out(topic, failed)]


def _not_found_out(topic: Topic, failed: LookupFailed) -> Finding:
    text = _(
        "Nobody could say what is published at %(subject)s (%(reason)s). Receivers may have the same trouble; look "
        "again later, or at your DNS servers."
    )
    return Finding("lookup_failed", Level.PROBLEM, topic, failed.name, text, {"reason": failed.reason})


def _apart(domain: str, hosts: frozenset[str]) -> list[Finding]:
    """Advise a domain apart from the shop's other mail, where mail leaves in the very name of the shop."""
    if not any(host.removeprefix("www.") == domain for host in hosts):
        return []
    text = _(
        "Invitations leave as %(subject)s, like the shop's order mail. A domain apart, such as hello.%(subject)s, keeps "
        "complaints about the one from harming the other."
    )
    return [Finding("domain_shared", Level.WARNING, Topic.DOMAIN, domain, text)]


def _nobody() -> Finding:
    text = _("There is no sender to look at. Fill in a sender identity in the staff site first.")
    return Finding("no_sender", Level.PROBLEM, Topic.SENDERS, "", text)
