"""The example shop: believable, in every state, made once or not at all."""

from collections import Counter
from datetime import datetime

import pytest
from django.contrib.auth import get_user_model
from django.db.models import Count, F, Sum
from django.utils import timezone

from guestlist.customers import grants
from guestlist.customers.models import Customer
from guestlist.demo import seed
from guestlist.demo.models import CapturedMail, OrderLine, Planting
from guestlist.invitations import figures, recounting
from guestlist.invitations.lifecycle import Reason, Status
from guestlist.invitations.models import Delivery, EventKind, FiguresDay, Invitation, InvitationEvent
from guestlist.mail import config as mail_config
from guestlist.mail import hours, sends, totals
from guestlist.mail.models import Delta, Measure, Send
from guestlist.occasions.models import Occasion, OccasionKind
from guestlist.orders.models import Order
from guestlist.stores import config
from guestlist.stores.actors import Permission
from guestlist.stores.models import StoreView, Website

User = get_user_model()


def test_every_state_and_reason_is_there_when_planted(shop):
    assert set(Invitation.objects.values_list("status", flat=True)) == set(Status)
    # Erasing people is a later chapter; a cancellation that was undone shows in the history instead.
    later = {Reason.ERASED, Reason.UNDONE}
    assert set(Invitation.objects.values_list("reason", flat=True)) == set(Reason) - later
    assert Invitation.objects.expired(shop).exists()


def test_every_delivery_is_there_when_planted(shop):
    found = set(Invitation.objects.values_list("delivery", flat=True))
    assert found == set(Delivery) - {Delivery.IN_DOUBT}


def test_every_kind_of_event_is_there_when_planted(shop):
    later = {EventKind.ERASED}
    later.add(EventKind.HANDED_OVER)  # only for what ended while its mail was under way
    assert set(InvitationEvent.objects.values_list("kind", flat=True)) >= set(EventKind) - later


def test_history_ends_where_the_invitation_stands(shop):
    last: dict[int, str | None] = {}
    for event in InvitationEvent.objects.exclude(target=None).order_by("pk"):
        assert event.origin == last.get(event.invitation_id)
        last[event.invitation_id] = event.target
    assert last == dict(Invitation.objects.values_list("pk", "status"))


def test_history_is_in_order_of_time(shop):
    seen: dict[int, datetime] = {}
    for event in InvitationEvent.objects.order_by("pk"):
        assert event.at >= seen.get(event.invitation_id, event.at)
        assert event.at <= shop
        seen[event.invitation_id] = event.at


def test_figures_agree_with_the_rows(shop):
    counted: Counter[str] = Counter()
    rows = (
        FiguresDay.objects.filter(basis="event")
        .values_list("measure")
        .annotate(total=Sum("amount"))
        .order_by()
    )
    for measure, total in rows:
        counted[measure.partition(".")[0]] += total
    accepted = Invitation.objects.filter(status=Status.ACCEPTED)
    assert counted[figures.CREATED] == Invitation.objects.count()
    assert counted[figures.ACCEPTED] == accepted.count()
    theirs = Order.objects.filter(customer__in=accepted.values("invitee"), cancelled_at=None)
    assert counted[figures.ORDERS] == theirs.count()
    assert counted[figures.PURCHASED] == theirs.values("customer").distinct().count()
    assert recounting.audit().adds_up


def test_orders_were_canceled_and_partly_sent_back_when_planted(shop):
    assert Order.objects.exclude(cancelled_at=None).count() == 2
    refunded = Order.objects.filter(refunded__gt=0, refunded__lt=F("total"))
    assert {one.customer.email for one in refunded} == {"wholesale@example.com", "marit.dekker@example.org"}
    for one in refunded:
        lines = OrderLine.objects.filter(order=one)
        assert one.refunded == sum(line.returned * line.price for line in lines)


def test_there_are_sends_to_look_at_when_planted(shop):
    found = Send.objects.select_related("store_view", "sender").order_by("pk")
    options = config.resolve_each(mail_config.Delivery, [one.store_view for one in found])
    over, halted = sends.progress(list(found), options=options, now=shop)
    assert (over.status, over.total, over.left) == (sends.Status.FINISHED, 45, 0)
    assert over.counts[Measure.BOUNCED] == 3
    assert over.counts[Measure.FAILED] == 1
    assert halted.status == sends.Status.PAUSED
    assert halted.counts[Measure.DEFERRED] == halted.counts[Measure.BOUNCED] == 1
    assert halted.left > halted.counts[Measure.HANDED_OVER] > 0
    assert all(one.adds_up for one in totals.audit(now=timezone.now()))
    # The worker has nothing to fold as soon as the demo starts.
    assert not Delta.objects.exists()


def test_bulk_mail_leaves_at_all_hours_when_planted(shop):
    for view in StoreView.objects.all():
        assert hours.always(config.resolve(mail_config.Delivery, config.at(view)).value)


def test_planting_again_changes_nothing(shop):
    before = Invitation.objects.count(), User.objects.count(), CapturedMail.objects.count()
    assert seed.plant(base_url="http://127.0.0.1:9", now=shop) is False
    assert (Invitation.objects.count(), User.objects.count(), CapturedMail.objects.count()) == before


def test_websites_have_the_promised_views(shop):
    assert Website.objects.count() == 2
    views = dict(StoreView.objects.values_list("base_url", "language"))
    assert views == {
        "http://testserver": "nl",
        "http://testserver/en": "en",
        "http://testserver/de": "de",
        "http://testserver/outlet": "nl",
    }
    for view in StoreView.objects.all():
        assert view.logo.size
        assert view.legal_name
        assert view.postal_address
        assert view.registration_number
        assert view.contact_address.endswith("@example.com")


def test_there_are_people_in_every_group(shop):
    groups = Counter(Customer.objects.values_list("group__code", flat=True))
    assert set(groups) == {"general", "wholesale", "retailer", "vip"}
    assert 20 <= Customer.objects.values("user").distinct().count() <= 45


def test_inviters_have_guests_of_many_kinds(shop):
    guests = Invitation.objects.filter(inviter__email="customer@example.com")
    assert set(guests.values_list("status", flat=True)) == set(Status)
    assert Invitation.objects.filter(inviter=None).values("staff").annotate(n=Count("pk")).count() >= 2


def test_occasions_of_three_kinds_are_there(shop):
    kinds = set(Occasion.objects.values_list("kind", flat=True))
    assert kinds == {OccasionKind.EVENT, OccasionKind.PRIVATE_SALE, OccasionKind.WISH_LIST}
    assert Invitation.objects.exclude(occasion=None).exists()


@pytest.mark.parametrize(
    ("email", "group"), [("customer@example.com", "general"), ("wholesale@example.com", "wholesale")]
)
def test_customers_sign_in_when_in_the_demo(shop, sign_in, email, group):
    page = sign_in(email).get("/account/")
    assert page.status_code == 200
    assert Customer.objects.get(user__email=email, website__code="klei").group.code == group


def test_staff_have_different_rights(shop):
    first, second = (Website.objects.get(code=code).pk for code in ("klei", "zolder"))
    owner, support = (
        grants.actor_of(User.objects.get(email=email))
        for email in ("staff@example.com", "support@example.com")
    )
    assert all(owner.may(permission, None) for permission in Permission)
    assert support.may(Permission.VIEW, first)
    assert not support.may(Permission.SEND, first)
    assert not support.may(Permission.VIEW, second)


def test_only_the_printed_accounts_have_the_printed_password(shop):
    able = {user.email for user in User.objects.all() if user.check_password("guestlist-demo")}
    assert able == {
        "customer@example.com",
        "wholesale@example.com",
        "staff@example.com",
        "marketing@example.com",
        "support@example.com",
    }


def test_views_answer_elsewhere_when_the_port_changes(shop):
    seed.move(base_url="http://127.0.0.1:8123")
    assert Planting.objects.get().base_url == "http://127.0.0.1:8123"
    view = StoreView.objects.get(code="klei_en")
    assert view.base_url == "http://127.0.0.1:8123/en"
    assert view.privacy_url == "http://127.0.0.1:8123/en/privacy/"
