"""Blocks of ids that know when they were sent: a list looks only between the first and the last that can match."""

import datetime

import pytest

from guestlist.invitations import actions, blocks
from guestlist.invitations.models import BLOCK, NO_END, Invitation, InvitationEvent, SentBlock
from guestlist.mail.kinds import Verdict
from tests import make

pytestmark = pytest.mark.django_db

NOW = datetime.datetime(2026, 3, 20, 12, tzinfo=datetime.UTC)
_MONTH = datetime.timedelta(days=30)


def rows() -> set[tuple[datetime.date, datetime.date, int]]:
    return set(SentBlock.objects.values_list("day", "until", "block"))


def test_block_is_written_down_when_a_mail_is_handed_over() -> None:
    one = make.sent_invitation(now=NOW)
    assert rows() == {(NOW.date(), (NOW + _MONTH).date(), one.pk // BLOCK)}


def test_block_is_written_down_anew_when_it_is_sent_again() -> None:
    one = make.sent_invitation(now=NOW)
    later = NOW + datetime.timedelta(days=3)
    actions.resend(invitation=one, actor=make.actor(), config=make.options(), now=later)
    make.fare(one, Verdict.ACCEPTED, now=later)
    assert rows() == {
        (NOW.date(), (NOW + _MONTH).date(), one.pk // BLOCK),
        (later.date(), (later + _MONTH).date(), one.pk // BLOCK),
    }


def test_block_is_written_down_when_the_customer_shares_the_link() -> None:
    emma = make.customer()
    one = make.invitation(emma, now=NOW)
    actions.share(invitation=one, actor=make.by(emma), config=make.options(lifetime_days=0), now=NOW)
    assert rows() == {(NOW.date(), NO_END, one.pk // BLOCK)}


def test_block_is_written_down_once_for_all_of_a_day() -> None:
    for _one in range(3):
        make.sent_invitation(now=NOW)
    assert len(rows()) == len({pk // BLOCK for pk in Invitation.objects.values_list("pk", flat=True)})


def test_bounds_are_those_of_what_can_match() -> None:
    day = NOW.date()
    for block, days_ago in ((3, 200), (9, 40), (20, 5)):
        sent = day - datetime.timedelta(days=days_ago)
        SentBlock.objects.create(day=sent, until=sent + _MONTH, block=block)

    def found(
        status: str | None = None, since: int | None = None, to: int | None = None
    ) -> tuple[int, int] | None:
        bounds = blocks.bounds(
            status=status,
            sent_from=day - datetime.timedelta(days=since) if since else None,
            sent_to=day - datetime.timedelta(days=to) if to else None,
            now=NOW,
        )
        return (bounds.first // BLOCK, bounds.last // BLOCK) if bounds else None

    assert found() == (3, 20)
    assert found("expired") == (3, 9)
    assert found("sent") == (20, 20)
    assert found(since=50) == (9, 20)
    assert found(to=30) == (3, 9)
    assert found(since=41, to=39) == (9, 9)
    assert found("sent", to=30) is None


def test_what_an_earlier_release_sent_is_caught_up_with() -> None:
    one = make.sent_invitation(now=NOW)
    written = rows()
    SentBlock.objects.all().delete()
    blocks.catch_up(NOW + datetime.timedelta(seconds=1))
    assert rows() == set()
    blocks.catch_up(NOW)
    blocks.catch_up(NOW)
    assert rows() == written
    assert InvitationEvent.objects.filter(invitation=one, at=NOW, target="sent").exists()
