"""Where a domain's mail may come from: what SPF says, and what it should say."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from guestlist.mail.checkup import spf
from guestlist.mail.checkup.findings import Finding, Level, Record, Topic
from guestlist.mail.dns import parents

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    from guestlist.mail.checkup.route import Route
    from guestlist.mail.dns import Resolver

_FAULTS: dict[spf.Fault, str | _StrPromise] = {
    spf.Fault.SEVERAL: _(
        "%(detail)s has more than one SPF record, so receivers use none for %(subject)s. Make one of them."
    ),
    spf.Fault.SYNTAX: _(
        "The SPF record of %(subject)s cannot be read at “%(detail)s”, so receivers ignore all of it. "
        "Mend that word."
    ),
    spf.Fault.LOOKUPS: _(
        "The SPF record of %(subject)s needs %(detail)s look-ups; receivers stop at 10 and count it as broken. "
        "Take out what no longer sends for you, or write addresses (ip4:, ip6:) in place of names."
    ),
    spf.Fault.VOIDS: _(
        "The SPF record of %(subject)s names hosts that do not exist; after two of them receivers count it as "
        "broken. Take them out."
    ),
    spf.Fault.LOOP: _("The SPF record of %(subject)s includes itself by way of %(detail)s. Take that out."),
    spf.Fault.NO_INCLUDED: _(
        "The SPF record of %(subject)s includes %(detail)s, which has none, so receivers ignore all of it. "
        "Take that out, or ask whoever it belongs to for the right name."
    ),
}


def examine(domain: str, *, way: Route, resolver: Resolver) -> list[Finding]:
    """Return what SPF says of a return path's domain, given what is known of the way that mail takes.

    :raises LookupFailed: when nobody could say.
    """
    verdict = spf.evaluate(resolver, domain)
    if not verdict.records:
        return [_missing(domain, way, resolver)]
    if verdict.fault:
        merged = Record(domain, "TXT", _merged(verdict.records)) if len(verdict.records) > 1 else None
        return [
            Finding(
                f"spf_{verdict.fault}",
                Level.PROBLEM,
                Topic.SPF,
                domain,
                _FAULTS[verdict.fault],
                {"detail": verdict.detail},
                merged,
            )
        ]
    return [
        *_addresses(domain, verdict, way=way, resolver=resolver),
        *_style(domain, verdict),
    ]


def _missing(domain: str, way: Route, resolver: Resolver) -> Finding:
    above = next((one for one in parents(domain) if len(spf.records(resolver, one)) == 1), "")
    if way.through_provider and not above and not way.addresses:
        text = _(
            "%(subject)s has no SPF record. Your mail provider says what to include; publish that as "
            "v=spf1 include:… ~all."
        )
        return Finding("spf_missing", Level.PROBLEM, Topic.SPF, domain, text)
    # A domain above may say already who sends for the shop.
    terms = f"redirect={above}" if above else f"{_named([*way.addresses, *way.guessed]) or 'mx'} ~all"
    text = _(
        "%(subject)s has no SPF record. Publish this one; where your mail provider names something to include, put "
        "that in."
    )
    return Finding(
        "spf_missing", Level.PROBLEM, Topic.SPF, domain, text, record=Record(domain, "TXT", f"v=spf1 {terms}")
    )


def _addresses(domain: str, verdict: spf.Verdict, *, way: Route, resolver: Resolver) -> list[Finding]:
    tried = {
        one: spf.evaluate(resolver, domain, address=one).result is spf.Result.PASS
        for one in [*way.addresses, *way.guessed]
    }
    outside = [one for one, passes in tried.items() if not passes]
    record = Record(domain, "TXT", _with(verdict.records[0], outside)) if outside else None
    data = {"lookups": verdict.lookups, "addresses": outside or list(tried)}
    if outside and way.addresses:
        text = _(
            "SPF of %(subject)s does not name %(addresses)s, where mail leaves from. Change the record to this."
        )
        return [Finding("spf_not_named", Level.PROBLEM, Topic.SPF, domain, text, data, record)]
    if outside:
        text = _(
            "SPF of %(subject)s can be read (%(lookups)s of 10 look-ups), but does not name the mail server's own "
            "address %(addresses)s. If mail leaves from there, change the record to this; if a provider passes it "
            "on, include what the provider says. Name the addresses that mail leaves from with --address to be sure."
        )
        return [Finding("spf_unsure", Level.WARNING, Topic.SPF, domain, text, data, record, seen=False)]
    if not tried:
        text = _(
            "SPF of %(subject)s can be read (%(lookups)s of 10 look-ups). Whether it names the address that mail "
            "leaves from cannot be seen from here; name that with --address to be sure."
        )
        return [Finding("spf_no_address", Level.WARNING, Topic.SPF, domain, text, data, seen=False)]
    text = _("SPF of %(subject)s names %(addresses)s (%(lookups)s of 10 look-ups).")
    return [Finding("spf_ok", Level.OK, Topic.SPF, domain, text, data)]


def _style(domain: str, verdict: spf.Verdict) -> list[Finding]:
    found = []
    if verdict.ending is spf.Result.PASS:
        text = _("SPF of %(subject)s lets everybody send in its name (+all). End it with ~all or -all.")
        found.append(Finding("spf_open", Level.PROBLEM, Topic.SPF, domain, text))
    elif verdict.ending in {None, spf.Result.NEUTRAL}:
        text = _("SPF of %(subject)s says nothing of other senders. End it with ~all.")
        found.append(Finding("spf_no_end", Level.WARNING, Topic.SPF, domain, text))
    if verdict.uses_ptr:
        text = _("SPF of %(subject)s uses “ptr”, which many receivers skip. Name addresses or hosts instead.")
        found.append(Finding("spf_ptr", Level.WARNING, Topic.SPF, domain, text))
    return found


def _named(addresses: Sequence[str]) -> str:
    return " ".join(f"ip{ipaddress.ip_address(one).version}:{one}" for one in addresses)


def _with(record: str, addresses: Sequence[str]) -> str:
    version, *rest = record.split()
    return " ".join([version, _named(addresses), *rest])


def _merged(records: Sequence[str]) -> str:
    """Return one record that says what several say; the strictest end would break what another allowed, so "~all"."""
    terms = dict.fromkeys(word for record in records for word in record.split()[1:])
    kept = [word for word in terms if word.lower().lstrip("+-~?") != "all"]
    return " ".join(["v=spf1", *kept, "~all"])
