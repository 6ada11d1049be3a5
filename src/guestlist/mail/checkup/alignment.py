"""Whether what is proven of a mail speaks for its From address: DMARC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from guestlist.mail.checkup import dmarc
from guestlist.mail.checkup.findings import Finding, Level, Record, Topic

if TYPE_CHECKING:
    from guestlist.mail.dns import Resolver
    from guestlist.mail.keys import Key


def examine(
    domain: str, *, envelope: str, keys: Sequence[Key], resolver: Resolver, through_provider: bool
) -> list[Finding]:
    """Return what DMARC asks of mail from a domain, and whether DKIM and SPF speak for that domain.

    :raises LookupFailed: when nobody could say.
    """
    policy = dmarc.policy(resolver, domain)
    # Where the key stands the record covers the return path too, and every other domain below.
    place = keys[0].domain if keys else domain
    ours = Record(f"_dmarc.{place}", "TXT", f"v=DMARC1; p=none; rua=mailto:postmaster@{place}")
    if policy is None:
        text = _(
            "%(subject)s has no DMARC record, nor has a domain above it. Publish this one, with a mailbox that you "
            "read; it only asks for reports."
        )
        return [Finding("dmarc_missing", Level.PROBLEM, Topic.DMARC, domain, text, record=ours)]
    data = {"at": f"_dmarc.{policy.domain}", "policy": policy.asked(for_domain=domain), "envelope": envelope}
    if policy.count > 1:
        text = _("There are several DMARC records at %(at)s, so receivers use none. Keep one.")
        return [Finding("dmarc_several", Level.PROBLEM, Topic.DMARC, domain, text, data)]
    if not data["policy"]:
        text = _("The DMARC record at %(at)s has no usable p=. Publish one like this.")
        record = Record(data["at"], "TXT", ours.value)
        return [Finding("dmarc_unusable", Level.PROBLEM, Topic.DMARC, domain, text, data, record)]
    by_dkim = any(dmarc.aligned(resolver, domain, key.domain, strict=policy.strict_dkim) for key in keys)
    by_spf = dmarc.aligned(resolver, domain, envelope, strict=policy.strict_spf)
    data["keys"] = ", ".join(sorted({key.domain for key in keys}))
    return [_alignment(domain, data, by_dkim=by_dkim, by_spf=by_spf, unseen=through_provider and not keys)]


def _alignment(domain: str, data: dict[str, str], *, by_dkim: bool, by_spf: bool, unseen: bool) -> Finding:
    if by_dkim and by_spf:
        text = _("DMARC of %(subject)s is p=%(policy)s; signature and return path both speak for it.")
        return Finding("dmarc_ok", Level.OK, Topic.DMARC, domain, text, data)
    if by_dkim:
        text = _(
            "DMARC of %(subject)s is p=%(policy)s and rests on the signature alone: the return path's domain "
            "%(envelope)s does not count as the same. Use a return path below %(subject)s."
        )
        return Finding("dmarc_dkim_only", Level.WARNING, Topic.DMARC, domain, text, data)
    if by_spf:
        text = _(
            "DMARC of %(subject)s is p=%(policy)s and rests on SPF alone, which breaks when mail is forwarded. Sign as "
            "%(subject)s too."
        )
        return Finding("dmarc_spf_only", Level.WARNING, Topic.DMARC, domain, text, data)
    text = _(
        "Neither a signature nor the return path's domain %(envelope)s counts as %(subject)s, so its DMARC record "
        "(p=%(policy)s) fails for every mail. Sign as %(subject)s, or use a return path below it."
    )
    level = Level.WARNING if unseen else Level.PROBLEM
    return Finding("dmarc_not_aligned", level, Topic.DMARC, domain, text, data, seen=not unseen)
