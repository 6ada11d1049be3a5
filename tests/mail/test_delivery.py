"""The outbox at work: what goes out, what is put back, what is given up, and what is written down of it."""

import datetime
import email
from collections import Counter
from email.policy import default

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from guestlist import addresses
from guestlist.mail import actions, claiming, delivery, recording, settling
from guestlist.mail.answers import Answer, Result
from guestlist.mail.kinds import Outcome, Verdict
from guestlist.mail.models import (
    Attempt,
    Message,
    MessageState,
    SenderIdentity,
    Suppression,
    SuppressionReason,
    TemplateText,
)
from guestlist.mail.transport import Server, SmtpTransport
from tests import races
from tests.mail import mailserver, supply
from tests.mail.outbox import NOW, Basket, Clock, Friends, mail_of, make_shop, queue

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    return make_shop()


def run(kind, transport, *, clock=None, worker="one", size=500, **options):
    return delivery.run(
        kinds=[kind],
        transport=transport,
        worker=worker,
        clock=clock or Clock(),
        batch_size=lambda _website: size,
        jitter=lambda: 0.5,
        **options,
    )


def states():
    return dict(Message.objects.order_by("subject_id").values_list("subject_id", "state"))


def test_what_is_queued_goes_out_and_is_recorded(shop):
    queue(shop, range(3))
    kind, basket = Friends(), Basket()

    tally = run(kind, basket)

    assert tally.claimed == 3
    assert tally.verdicts == {Verdict.ACCEPTED: 3}
    assert basket.recipients() == [f"friend{n}@friend.example" for n in range(3)]
    assert states() == dict.fromkeys(range(3), MessageState.SENT)
    assert kind.verdicts() == dict.fromkeys(range(3), "accepted 2.0.0")
    assert Attempt.objects.count() == 0
    assert set(Message.objects.values_list("worker", "lease_until", "tries")) == {("", None, 1)}


def test_nothing_goes_out_twice(shop):
    queue(shop, range(2))
    kind, basket = Friends(), Basket()

    run(kind, basket)
    tally = run(kind, basket)

    assert tally.claimed == 0
    assert len(basket.parcels) == 2


def test_the_mail_says_what_the_shop_and_the_kind_know(shop):
    (row,) = queue(shop, range(1))
    basket = Basket()

    run(Friends(), basket)

    parcel = basket.parcels[0]
    mail = email.message_from_bytes(parcel.content, policy=default)
    body = mail.get_body(("html",))
    assert body is not None
    html = body.get_content()
    assert parcel.sender == "shop@shop.example"
    assert mail["From"] == "Loom <shop@shop.example>"
    assert mail["Subject"] == "Emma Clarke invites you to Linden & Loom"
    assert mail["Reply-To"].addresses[0].addr_spec == "hello@shop.example"
    assert mail["List-Unsubscribe"] == "<https://main.example/never-again/0/>"
    assert mail["Content-Language"] == "en"
    assert mail["Message-ID"].startswith(f"<{row.pk}.")
    assert "https://main.example/privacy/" in html
    assert "Come &amp; see<br>" in html
    assert "12 Mill Lane<br>" in html


@pytest.mark.parametrize(("language", "used"), [("nl", "nl"), ("de", "en")])
def test_the_language_is_that_of_the_store_view_or_english(language, used):
    queue(make_shop(language=language), range(1))
    basket = Basket()

    run(Friends(), basket)

    assert mail_of(basket.parcels[0])["Content-Language"] == used


def test_mail_is_not_due_before_its_time(shop):
    queue(shop, range(1), ready_at=NOW + datetime.timedelta(minutes=1))
    clock = Clock()

    assert run(Friends(), Basket(), clock=clock).claimed == 0
    clock.forward(minutes=1)
    assert run(Friends(), Basket(), clock=clock).claimed == 1


def test_a_batch_has_the_configured_size(shop):
    queue(shop, range(5))
    asked = []

    def size(website_id):
        asked.append(website_id)
        return 2

    tally = delivery.run(kinds=[Friends()], transport=Basket(), worker="one", clock=Clock(), batch_size=size)

    assert tally.claimed == 2
    assert asked == [shop.website_id]


def test_the_website_that_waited_longest_comes_first(shop):
    other = make_shop("other")
    queue(shop, range(10, 12))
    queue(other, range(2), ready_at=NOW - datetime.timedelta(minutes=1))
    basket = Basket()

    run(Friends(), basket)

    assert basket.recipients() == ["friend0@friend.example", "friend1@friend.example"]


def test_what_the_kind_withdraws_is_not_sent(shop):
    queue(shop, range(3))
    kind, basket = Friends(withdrawn={1: "canceled"}, gone={2}), Basket()

    run(kind, basket)

    assert basket.recipients() == ["friend0@friend.example"]
    assert states() == {0: "sent", 1: "withdrawn", 2: "withdrawn"}
    assert kind.verdicts() == {0: "accepted 2.0.0", 1: "withdrawn canceled", 2: "withdrawn gone"}
    assert set(Message.objects.filter(subject_id=1).values_list("code", "tries")) == {("canceled", 0)}


@pytest.mark.requirement("trust-18")
def test_an_address_that_was_suppressed_meanwhile_is_not_mailed(shop):
    other = make_shop("other")
    here, elsewhere, everywhere = (addresses.hash_of(f"{n}@friend.example") for n in range(3))
    queue(shop, range(3))
    kind, basket = Friends(hashed={0: here, 1: elsewhere, 2: everywhere}), Basket()
    for website, hashed in ((shop.website, here), (other.website, elsewhere)):
        actions.suppress(website=website, address_hash=hashed, reason=SuppressionReason.WISH, now=NOW)
    Suppression.objects.create(address_hash=everywhere, reason=SuppressionReason.STAFF, created_at=NOW)

    run(kind, basket)

    assert basket.recipients() == ["friend1@friend.example"]
    assert kind.verdicts()[0] == "withdrawn suppressed"
    assert kind.verdicts()[2] == "withdrawn suppressed"


def test_an_address_that_does_not_exist_is_suppressed_and_a_full_mailbox_is_not(shop):
    queue(shop, range(2))
    kind = Friends(hashed={0: b"a" * 32, 1: b"b" * 32})
    basket = Basket(
        {
            "friend0@friend.example": Answer(Result.BOUNCED, "5.1.1", "no such user", no_such_address=True),
            "friend1@friend.example": Answer(Result.BOUNCED, "5.2.2", "full"),
        }
    )

    run(kind, basket)

    assert states() == {0: "bounced", 1: "bounced"}
    assert kind.verdicts() == {0: "bounced 5.1.1", 1: "bounced 5.2.2"}
    suppressed = Suppression.objects.get()
    assert (bytes(suppressed.address_hash), suppressed.reason) == (b"a" * 32, "bounce")
    assert [
        Attempt.objects.about(kind.code, subject).values_list("outcome", "code", "answer").get()
        for subject in (0, 1)
    ] == [("bounced", "5.1.1", "no such user"), ("bounced", "5.2.2", "full")]
    assert not Attempt.objects.about("other", 0).exists()


def test_as_many_statements_suppress_fifty_addresses_as_one(shop, monkeypatch):
    monkeypatch.setattr(settling, "_RECORD_EVERY", 60)
    asked = []
    for batch in (range(1), range(100, 150)):
        queue(shop, batch)
        kind = Friends(hashed={one: one.to_bytes(16) for one in batch})
        basket = Basket({"*": Answer(Result.BOUNCED, "5.1.1", "no such user", no_such_address=True)})
        with CaptureQueriesContext(connection) as queries:
            run(kind, basket)
        asked.append(
            sum("suppression" in query["sql"] and "SELECT" not in query["sql"][:6] for query in queries)
        )

    assert Suppression.objects.count() == 51
    assert asked == [1, 1]


def test_the_answers_that_are_kept_do_not_name_the_address(shop):
    queue(shop, range(2))
    kind = Friends(addresses={1: "noor@@friend.example"})
    basket = Basket({"*": Answer(Result.BOUNCED, "5.1.1", "<Friend0@Friend.example> unknown here")})

    run(kind, basket)

    answers = Attempt.objects.order_by("message").values_list("code", "answer")
    assert list(answers) == [("5.1.1", "<…> unknown here"), ("malformed_address", "")]


@pytest.mark.requirement("trust-12")
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"inviter_name": "Emma\r\nBcc: all@evil.example"}, "unusable_value"),
        ({"invitation_url": "javascript:alert(1)"}, "unusable_value"),
        ({"invitation_url": ""}, "unusable_value"),
        ({"opt_out_path": "/never-again/\n/"}, "unusable_value"),
        ({"message": "\x1b[31m"}, "unusable_value"),
        ({"message": "\ud800"}, "unusable_value"),
        ({"message": 7}, "mail_error"),
    ],
)
def test_a_mail_that_cannot_be_made_fails_alone(shop, changed, code):
    queue(shop, range(3))
    kind, basket = Friends(changed={1: changed}), Basket()

    run(kind, basket)

    assert basket.recipients() == ["friend0@friend.example", "friend2@friend.example"]
    assert kind.verdicts() == {0: "accepted 2.0.0", 1: f"failed {code}", 2: "accepted 2.0.0"}
    assert states() == {0: "sent", 1: "failed", 2: "sent"}


def test_an_address_that_is_none_fails_alone(shop):
    queue(shop, range(2))
    kind = Friends(addresses={0: "noor@friend.example, all@evil.example"})

    run(kind, Basket())

    assert kind.verdicts() == {0: "failed malformed_address", 1: "accepted 2.0.0"}


def test_values_that_cannot_be_made_fail_alone(shop):
    queue(shop, range(3))
    kind, basket = Friends(broken={1}), Basket()

    run(kind, basket)

    assert kind.verdicts() == {0: "accepted 2.0.0", 1: "failed values_error", 2: "accepted 2.0.0"}


def test_mail_without_words_fails(shop):
    queue(shop, range(1))
    TemplateText.objects.all().delete()

    run(Friends(), Basket())

    assert Message.objects.get().code == "no_template_text"


def test_mail_of_a_sender_without_an_address_fails_and_others_go(shop):
    actions.set_sender(website=shop.website, code="sales", name="Sales", address="sales@shop.example")
    queue(shop, range(2))
    queue(shop, range(2, 4), sender="sales")
    SenderIdentity.objects.filter(code="general").update(address="nobody")
    kind = Friends()

    run(kind, Basket())
    run(kind, Basket())

    assert Counter(kind.verdicts().values()) == {"failed malformed_address": 2, "accepted 2.0.0": 2}


def test_nothing_is_claimed_when_nothing_is_wanted(shop):
    queue(shop, range(1))
    lane = claiming.Lane(SenderIdentity.objects.get())

    assert claiming.claim(lane, limit=0, worker="one", now=NOW, lease_until=NOW) == []
    assert claiming.settle(ids=[], worker="one", state=MessageState.SENT, code="", now=NOW) == set()
    assert claiming.release(ids=[], worker="one") == 0


def test_outcomes_of_rows_that_went_to_another_worker_change_nothing(shop):
    queue(shop, range(3))
    lane = claiming.Lane(SenderIdentity.objects.get())
    rows = claiming.claim(lane, limit=3, worker="one", now=NOW, lease_until=NOW)
    Message.objects.filter(subject_id=1).update(worker="two")
    kind = Friends()
    outcomes = [
        Outcome(row, verdict, "x", "", NOW)
        for row, verdict in zip(rows, [Verdict.ACCEPTED, Verdict.ACCEPTED, Verdict.DEFERRED], strict=True)
    ]

    done = recording.record(
        [recording.Settled(one) for one in outcomes],
        kinds={"test": kind},
        worker="one",
        now=NOW,
        jitter=lambda: 0.5,
    )

    assert [one.message.subject_id for one in done] == [0, 2]
    assert states() == {0: "sent", 1: "leased", 2: "ready"}
    assert claiming.release(ids=[row.pk for row in rows], worker="one") == 0


def test_mail_of_a_kind_that_nobody_knows_fails(shop):
    queue(shop, range(1), kind="unknown")

    run(Friends(), Basket())

    assert Message.objects.get().code == "unknown_kind"


def test_what_was_sent_is_not_sent_again_when_its_kind_cannot_record_it(shop):
    queue(shop, range(3))
    kind, basket = Friends(unrecordable={1}), Basket()

    run(kind, basket)
    run(kind, basket)

    assert len(basket.parcels) == 3
    assert states() == dict.fromkeys(range(3), MessageState.SENT)
    assert sorted(kind.verdicts()) == [0, 2]


def test_a_deferred_mail_waits_longer_each_time_under_the_same_message_id(shop):
    queue(shop, range(1))
    kind, clock = Friends(), Clock()
    seen = []
    basket = Basket(
        {"*": Answer(Result.DEFERRED, "4.2.1", "busy")},
        on_deliver=lambda p: seen.append(mail_of(p)["Message-ID"]),
    )
    waits = []

    for _ in range(12):
        assert run(kind, basket, clock=clock).claimed == 1
        row = Message.objects.get()
        assert row.state == MessageState.READY
        waits.append((row.ready_at - clock.now).total_seconds() / 60)
        clock.now = row.ready_at - datetime.timedelta(seconds=1)
        assert run(kind, basket, clock=clock).claimed == 0
        clock.now = row.ready_at

    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360]
    assert len(set(seen)) == 1
    assert Attempt.objects.filter(outcome="deferred", code="4.2.1", answer="busy").count() == 12


def test_jitter_spreads_what_waits():
    settled = recording.Settled(Outcome(supply.row(1)._replace(tries=3), Verdict.DEFERRED, "4.2.1", "", NOW))

    pauses = [recording._pause(settled, jitter) for jitter in (lambda: 0.0, lambda: 0.5, lambda: 1.0)]

    assert [pause.total_seconds() for pause in pauses] == [360, 480, 600]


def test_the_time_that_a_server_names_is_honoured_within_bounds(shop):
    queue(shop, range(2))
    basket = Basket(
        {
            f"friend{n}@friend.example": Answer(
                Result.DEFERRED, "4.7.1", "", again_after=datetime.timedelta(hours=hours)
            )
            for n, hours in enumerate((2, 1000))
        }
    )

    run(Friends(), basket)

    waits = Message.objects.order_by("subject_id").values_list("ready_at", flat=True)
    assert [wait - NOW for wait in waits] == [datetime.timedelta(hours=2), datetime.timedelta(hours=6)]


def test_after_five_days_a_deferred_mail_is_given_up(shop):
    queue(shop, range(1), ready_at=NOW - datetime.timedelta(days=9))
    kind, clock = Friends(), Clock()
    basket = Basket({"*": Answer(Result.DEFERRED, "4.2.1", "busy")})

    while Message.objects.get().state == MessageState.READY:
        run(kind, basket, clock=clock)
        clock.now = max(clock.now, Message.objects.get().ready_at)

    assert datetime.timedelta(days=4.5) < clock.now - NOW <= datetime.timedelta(days=5)
    assert kind.recorded[-1].verdict is Verdict.FAILED
    assert kind.recorded[-1].code == "4.2.1"
    assert {outcome.verdict for outcome in kind.recorded[:-1]} == {Verdict.DEFERRED}


def test_a_sender_that_is_refused_is_stopped_and_its_mail_kept(shop):
    queue(shop, range(3))
    actions.set_sender(website=shop.website, code="sales", name="Sales", address="sales@shop.example")
    queue(shop, range(3, 5), sender="sales")
    kind = Friends()
    basket = Basket({"friend1@friend.example": Answer(Result.REFUSED_US, "5.7.1", "not from you")})

    tally = run(kind, basket)
    run(kind, basket)

    sender = SenderIdentity.objects.get(code="general")
    assert (sender.stopped_at, sender.stopped_reason) == (NOW, "5.7.1 not from you")
    assert states() == {0: "sent", 1: "ready", 2: "ready", 3: "sent", 4: "sent"}
    assert sorted(kind.verdicts()) == [0, 3, 4]
    assert set(Message.objects.filter(state="ready").values_list("tries", "worker", "lease_until")) == {
        (0, "", None)
    }
    assert Attempt.objects.get().outcome == "refused_us"
    assert tally.released == 2


def test_mail_of_a_stopped_sender_is_left_alone_until_it_starts_again(shop):
    queue(shop, range(2))
    SenderIdentity.objects.update(stopped_at=NOW)
    basket = Basket()

    assert run(Friends(), basket).claimed == 0
    actions.set_sender(website=shop.website, code="general", name="Loom", address="shop@shop.example")
    assert run(Friends(), basket).claimed == 2


def test_without_a_server_everything_is_put_back_and_blames_nobody(shop):
    queue(shop, range(3))
    kind, basket = Friends(), Basket({"*": Answer(Result.UNREACHABLE, "unreachable", "refused")})

    tally = run(kind, basket)

    assert (tally.unreachable, tally.released) == ("refused", 3)
    assert states() == dict.fromkeys(range(3), MessageState.READY)
    assert set(Message.objects.values_list("tries", "worker", "lease_until", "ready_at")) == {
        (0, "", None, NOW)
    }
    assert kind.recorded == []
    assert Attempt.objects.count() == 0


def test_with_too_little_lease_left_nothing_more_is_handed_over(shop):
    queue(shop, range(4))
    clock = Clock()
    basket = Basket(on_deliver=lambda _parcel: clock.forward(minutes=2, seconds=20))

    tally = run(Friends(), basket, clock=clock)

    assert len(basket.parcels) == 2
    assert tally.released == 2
    assert Counter(states().values()) == {"sent": 2, "ready": 2}


def test_when_told_to_stop_the_mail_in_hand_is_finished_and_the_rest_put_back(shop):
    queue(shop, range(60))
    basket = Basket()

    tally = run(Friends(), basket, stop=lambda: len(basket.parcels) >= 30)

    assert Counter(states().values()) == {"sent": 30, "ready": 30}
    assert tally.released == 30


def test_a_lease_that_ran_out_is_taken_over(shop, caplog):
    queue(shop, range(2))
    clock = Clock()
    claiming.claim(
        claiming.Lane(SenderIdentity.objects.get()),
        limit=5,
        worker="dead",
        now=NOW,
        lease_until=NOW + datetime.timedelta(minutes=5),
    )
    basket = Basket()

    assert run(Friends(), basket, clock=clock).claimed == 0
    clock.forward(minutes=5, seconds=1)
    tally = run(Friends(), basket, clock=clock)

    assert tally.claimed == 2
    assert "Worker dead left 2 mails: 0 were sent, 0 go back to the queue, 2 are in doubt." in caplog.messages
    assert states() == {0: "sent", 1: "sent"}


def test_an_outcome_that_comes_after_the_lease_went_to_another_is_not_written_down(shop):
    queue(shop, range(1))
    kind = Friends()
    basket = Basket(on_deliver=lambda _parcel: Message.objects.update(worker="two"))

    run(kind, basket)

    assert kind.recorded == []
    assert Message.objects.get().state == MessageState.LEASED


def test_an_error_puts_back_what_was_claimed(shop):
    queue(shop, range(2))

    class Away(Friends):
        def look_up(self, ids, *, now):
            raise OperationalError("gone")

    with pytest.raises(OperationalError):
        run(Away(), Basket())

    assert set(Message.objects.values_list("state", "worker")) == {("ready", "")}


@pytest.mark.django_db(transaction=True)
def test_what_was_sent_is_recorded_when_the_database_comes_back(shop, monkeypatch):
    queue(shop, range(1))
    monkeypatch.setattr(settling, "_PAUSES", (0,))

    class Flaky(Friends):
        failures = 2

        def record(self, outcomes, *, now):
            if self.failures:
                self.failures -= 1
                raise OperationalError("gone")
            super().record(outcomes, now=now)

    kind = Flaky()
    run(kind, Basket())

    assert kind.verdicts() == {0: "accepted 2.0.0"}
    assert set(Message.objects.values_list("state", "tries")) == {("sent", 1)}


def test_withdrawing_takes_back_what_waits(shop):
    rows = queue(shop, range(2))
    actions.withdraw(message_ids=[rows[0].pk], reason="canceled", now=NOW)
    basket = Basket()

    run(Friends(), basket)

    assert basket.recipients() == ["friend1@friend.example"]


@pytest.mark.parametrize("count", [1, 20])
def test_the_number_of_queries_does_not_grow_with_the_mails(shop, count, django_assert_max_num_queries):
    queue(shop, range(count))
    hashes = {n: bytes([n]) * 32 for n in range(count)}

    with django_assert_max_num_queries(16):
        run(Friends(hashed=hashes), Basket())


def test_through_a_real_server(shop):
    queue(shop, range(5))
    kind = Friends()
    with mailserver.running(mailserver.MailServer()) as server:
        server.answers = {
            "rcpt friend1@friend.example": "550 5.1.1 no such user",
            "rcpt friend2@friend.example": "451 4.7.1 try again in 10 minutes",
            "data friend3@friend.example": "drop",
        }
        smtp = SmtpTransport(Server("127.0.0.1", server.port, ehlo="shop.example", timeout=5))
        run(kind, smtp)
        smtp.close()

    assert kind.verdicts() == {
        0: "accepted 2.0.0",
        1: "bounced 5.1.1",
        2: "deferred 4.7.1",
        3: "deferred no_answer",
        4: "accepted 2.0.0",
    }
    assert [envelope.rcpt_tos for envelope, _mail in server.mails] == [
        ["friend0@friend.example"],
        ["friend4@friend.example"],
    ]
    assert Message.objects.get(subject_id=2).ready_at == NOW + datetime.timedelta(minutes=10)


@pytest.mark.django_db(transaction=True)
def test_workers_at_the_same_moment_claim_different_mails():
    shop = make_shop()
    queue(shop, range(200))
    kinds = [Friends() for _ in range(4)]
    baskets = [Basket() for _ in range(4)]

    def worker(number):
        while run(kinds[number], baskets[number], worker=f"worker-{number}", size=7).claimed:
            pass

    results = races.together(*(lambda number=number: worker(number) for number in range(4)))

    assert results == [None] * 4
    handed_over = [recipient for basket in baskets for recipient in basket.recipients()]
    assert Counter(handed_over) == {f"friend{n}@friend.example": 1 for n in range(200)}
    assert Counter(states().values()) == {"sent": 200}
    assert sum(len(kind.recorded) for kind in kinds) == 200
