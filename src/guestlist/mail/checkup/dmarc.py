"""DMARC: what a domain asks receivers to do, and which domains count as the same (RFC 7489).

Which domain is the organization's is found by walking up the tree of names, as DMARC's second edition does, so that no
list of public suffixes is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from guestlist.mail.dns import Resolver

POLICIES = ("none", "quarantine", "reject")
_MAX_STEPS = 8


@dataclass(frozen=True, slots=True)
class Policy:
    """What is published for a domain: where it was found, and its tags; ``count`` other than 1 means it is ignored."""

    domain: str
    tags: Mapping[str, str] = field(default_factory=dict)
    count: int = 1

    def asked(self, *, for_domain: str) -> str:
        """Return what receivers are asked to do with mail of the domain that fails, or empty where that cannot be read."""
        names = ("p",) if for_domain == self.domain else ("sp", "p")
        asked = next((self.tags[name].lower() for name in names if name in self.tags), "")
        if asked in POLICIES:
            return asked
        # Without a usable policy, but with somebody to report to, receivers only report (RFC 7489, 6.6.3).
        return "none" if self.tags.get("rua") else ""

    @property
    def strict_dkim(self) -> bool:
        """Whether DKIM's domain must be the very one of the From address."""
        return self.tags.get("adkim", "r").lower() == "s"

    @property
    def strict_spf(self) -> bool:
        """Whether the return path's domain must be the very one of the From address."""
        return self.tags.get("aspf", "r").lower() == "s"


def policy(resolver: Resolver, domain: str) -> Policy | None:
    """Return the policy that holds for a domain: its own, else that of the nearest domain above it that has one.

    :raises LookupFailed: when nobody could say.
    """
    for name in _upwards(domain):
        found = _published(resolver, name)
        if found is not None and (name == domain or found.tags.get("psd", "u").lower() != "y"):
            return found
    return None


def organization(resolver: Resolver, domain: str) -> str:
    """Return the highest domain at or above this one that publishes a policy, or empty when none does.

    :raises LookupFailed: when nobody could say.
    """
    highest = ""
    below = ""
    for name in _upwards(domain):
        found = _published(resolver, name)
        if found is not None:
            kind = found.tags.get("psd", "u").lower()
            if kind == "y" and name != domain:
                return below
            highest = name
            if kind == "n":
                break
        below = name
    return highest


def aligned(resolver: Resolver, one: str, other: str, *, strict: bool = False) -> bool:
    """Whether two domains count as the same (RFC 7489, 3.1): equal, or unless strict, of one organization.

    :raises LookupFailed: when nobody could say.
    """
    if one == other:
        return True
    if strict:
        return False
    organizations = [organization(resolver, one), organization(resolver, other)]
    if any(organizations):
        return organizations[0] == organizations[1]
    return one.endswith(f".{other}") or other.endswith(f".{one}")


def _published(resolver: Resolver, domain: str) -> Policy | None:
    texts = [text for text in resolver.txt(f"_dmarc.{domain}") if text.split(";")[0].strip() == "v=DMARC1"]
    if not texts:
        return None
    pairs = (part.partition("=") for part in texts[0].split(";"))
    tags = {name.strip().lower(): value.strip() for name, equals, value in pairs if equals}
    return Policy(domain, tags, len(texts))


def _upwards(domain: str) -> list[str]:
    """Return the domain and those above it, no more than receivers ask for: a long name's middle is skipped."""
    labels = domain.split(".")
    names = [".".join(labels[at:]) for at in range(len(labels))]
    return names if len(names) <= _MAX_STEPS else [names[0], *names[-(_MAX_STEPS - 1) :]]
