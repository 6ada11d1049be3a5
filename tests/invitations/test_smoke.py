import datetime

import pytest

from guestlist.invitations import actions as invitations
from guestlist.invitations import figures, links
from guestlist.invitations.models import *
from guestlist.mail.kinds import Verdict
from tests import make

pytestmark = pytest.mark.django_db


def test_all():
    general, wholesale = make.group(), make.group("wholesale")
    view = make.store_view()
    emma = make.customer(view, in_group=wholesale)
    o = make.options()
    verdicts = invitations.invite(
        inviter=emma,
        store_view=view,
        addresses=["A@example.com", "b@ex ample", emma.email, "a@example.com"],
        message="Hi",
        config=o,
        now=make.NOW,
    )
    assert [v.code for v in verdicts] == ["invited", "malformed_address", "it_is_you", "repeated"]
    one = verdicts[0].invitation
    make.fare(one, Verdict.ACCEPTED)
    assert one.status == "sent", one.status
    token = links.token(one, Channel.MAIL)
    assert len(token) == 36
    link = links.open_token(token, Invitation.objects.select_related("inviter__group"))
    assert link.proves_mailbox
    joined = invitations.register(
        store_view=view,
        link=link,
        email="a@example.com",
        password="xyz-12345",
        first_name="A",
        last_name="B",
        config=o,
        now=make.NOW,
    )
    assert joined.customer.group == wholesale
    assert figures.fold() > 0
    print(
        figures.totals(store_view_ids=[view.pk], basis=Basis.SENT, start=make.NOW.date(), end=make.NOW.date())
    )
    two = make.invitation(emma)
    invitations.cancel(invitation=two, inviter=emma, now=make.NOW)
    invitations.restore(invitation=two, inviter=emma, config=o, now=make.NOW)
    three = make.staff_invitation(view)
    a = make.actor()
    assert invitations.discard_many(ids=[two.pk, three.pk, one.pk, 99999], actor=a, now=make.NOW).skipped == {
        "accepted": 1,
        "not_found": 1,
    }
    invitations.resend(invitation=three, actor=a, config=o, now=make.NOW)
    make.fare(three, Verdict.ACCEPTED)
    assert three.status == "sent"
    invitations.record_order(
        store_view=view, customer=joined.customer, number="1", currency="EUR", total=100, now=make.NOW
    )
    from guestlist.invitations.emails import KINDS

    four = make.invitation(emma)
    assert KINDS[0].check([four.pk], now=make.NOW) == {}
    v = KINDS[0].values([four.pk], now=make.NOW)[four.pk]
    print(v)
    tok = v.variables["opt_out_url"].split("/")[-2]
    oo = links.open_opt_out(tok)
    invitations.never_again(website=view.website, address_hash=oo.address_hash, now=make.NOW)
    four.refresh_from_db()
    assert four.status == "discarded"
    print(
        figures.totals(
            store_view_ids=[view.pk], basis=Basis.EVENT, start=make.NOW.date(), end=make.NOW.date()
        )
    )
