"""Whose an order is: the shop names its customers by its own id or by address."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from guestlist import addresses
from guestlist.customers.models import Customer
from guestlist.refusal import Refusal


class UnknownCustomer(Refusal):
    """The website has no such customer: a guest's order is nobody's, and is told again once they have joined."""

    code = "unknown_customer"
    message = _("This website has no customer with this id or e-mail address.")


@dataclass(frozen=True, slots=True)
class Buyer:
    """A customer as the shop names them: by its own id, by address, or by both.

    With both, the id counts. Where nobody has it, the address does, unless its customer is known by another id.
    """

    external_id: str = ""
    email: str = ""


def lock(buyer: Customer | Buyer, *, website_id: int) -> Customer:
    """Return the buyer's row, which nobody else records an order of until the transaction ends.

    :raises UnknownCustomer: when the website has none such (any more).
    :raises MalformedAddress: when the address is none.
    """
    if isinstance(buyer, Customer):
        which = Q(pk=buyer.pk)
    else:
        which = Q(pk__in=())
        # A zero byte is no text to PostgreSQL.
        if buyer.external_id and "\0" not in buyer.external_id:
            which |= Q(external_id=buyer.external_id)
        if buyer.email:
            which |= Q(email=addresses.normalize(buyer.email))
    # Without the key, as its row may be referred to meanwhile. In the order of ids, for there can be two.
    rows = Customer.objects.select_for_update(no_key=True).known().filter(which, website=website_id)
    found = list(rows.order_by("pk"))
    if isinstance(buyer, Buyer) and buyer.external_id:
        named = [one for one in found if one.external_id == buyer.external_id]
        found = named or [one for one in found if one.external_id is None]
    if not found:
        raise UnknownCustomer
    return found[0]
