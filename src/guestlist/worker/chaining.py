"""`guestlist report chain`: who brought whom on the command line, as an indented list for people, as JSON for programs."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from django.utils import translation

from guestlist.refusal import Refusal
from guestlist.reports import chain, chain_starts
from guestlist.stores.models import Website
from guestlist.worker.commanding import actor, fail
from guestlist.worker.exporting import coded

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from guestlist.customers.models import Customer
    from guestlist.reports.chain import Node
    from guestlist.reports.chain_starts import Origin

_DEPTH = 3
_MOST = 500
"""Most customers whose level is printed."""


def main(options: argparse.Namespace) -> int:
    """Print the chain below a customer, at each website with that address; returns the exit status."""
    with translation.override("en"):
        try:
            website = coded(Website, options.website).pk if options.website else None
            found = chain_starts.find(options.customer, actor=actor(), website_id=website)
        except Refusal as refusal:
            return fail(str(refusal))
        nodes = chain.nodes([one.pk for one in found])
        chain.grow(nodes, depth=options.depth or _DEPTH, most=_MOST)
        origins = [chain_starts.origin(one) for one in found]
        if options.json:
            chains = [_data(node, origin) for node, origin in zip(nodes, origins, strict=True)]
            told = json.dumps({"report": "chain", "chains": chains})
        else:
            lines = (_lines(node, origin) for node, origin in zip(nodes, origins, strict=True))
            told = "\n\n".join("\n".join(one) for one in lines)
        sys.stdout.write(f"{told}\n")
    return 0


def _data(node: Node, origin: Origin) -> dict[str, Any]:
    return {
        "website": node.customer.website.code,
        "brought_by": [_person(one) for one in reversed(origin.path)],
        "shared_with": [_person(one) for one in origin.others],
        "invited_by_staff": origin.is_invited,
        **_below(node),
    }


def _person(customer: Customer) -> dict[str, Any]:
    return {"id": customer.pk, "name": str(customer), "email": customer.email}


def _below(node: Node) -> dict[str, Any]:
    """Return a node as JSON has it; ``brought`` is null where its level is not open."""
    came = {
        "invitation": node.invitation_id,
        "occasion": node.occasion or None,
        "credit": node.share / chain.WHOLE,
    }
    return {
        **_person(node.customer),
        "joined_at": node.customer.created_at.isoformat(),
        "group": node.customer.group.code,
        **({} if node.invitation_id is None else came),
        "invited": node.invited,
        "joined": node.joined,
        "counted_all": not node.has_more,
        "brought": None
        if node.level is None and node.can_open
        else [_below(one) for one in node.level or ()],
        "has_more": node.following is not None,
    }


def _lines(node: Node, origin: Origin) -> Iterator[str]:
    """Give the lines for people: the way up in the first, then a line for each customer, indented by level."""
    above = [str(one) for one in origin.path] or (["staff"] if origin.is_invited else [])
    if above:
        yield " → ".join([*above, str(node.customer)])
    yield from _indented(node, "")


def _indented(node: Node, space: str) -> Iterator[str]:
    who = node.customer
    address = f" <{who.email}>" if who.email and who.email != who.name else ""
    more = "more than " if node.has_more else ""
    yield f"{space}{who}{address}: joined {who.created_at:%Y-%m-%d}, invited {more}{node.invited}, {node.joined} joined"
    for one in node.level or ():
        yield from _indented(one, f"{space}  ")
    if node.following is not None:
        yield f"{space}  …"
