"""What a bounce or a complaint changes: the outbox, its counts, the address, and what the kind is told."""

from dataclasses import replace
from typing import Any

import pytest

from guestlist.mail import accounts, brake, counting, delivery, returned, returnpath
from guestlist.mail.kinds import Verdict
from guestlist.mail.models import (
    Attempt,
    Delta,
    Measure,
    Message,
    MessageState,
    Report,
    Send,
    Suppression,
)
from guestlist.mail.reports import Returned
from guestlist.mail.returned import Taken, Written
from tests import make, races
from tests.mail import comeback
from tests.mail.comeback import failed
from tests.mail.outbox import NOW, Basket, Friends, mail_of, make_shop, queue

pytestmark = pytest.mark.django_db

HASH = b"0123456789abcdef"


def friends(kind: type[Friends] = Friends) -> Friends:
    """Return the kind, whose friend 7 has a hash to be suppressed by."""
    return kind(hashed={7: HASH})


@pytest.fixture(autouse=True)
def _configured(settings) -> None:
    settings.GUESTLIST_RETURN_PATH = "bounces@bounces.shop.example"


@pytest.fixture
def kind() -> Friends:
    return friends()


@pytest.fixture
def shop():
    return make_shop()


def sent(shop, *, state=MessageState.SENT, send=None, tries=1, **changes) -> Message:
    (row,) = queue(shop, range(7, 8), send=send, **changes)
    Message.objects.filter(pk=row.pk).update(state=state, tries=tries)
    if send is not None:
        Delta.objects.all().delete()
        ledger = counting.Ledger()
        ledger.add(sender_id=row.sender_id, send_id=send.pk, measure=counting.of_row(state, tries), amount=1)
        ledger.write(now=NOW)
    return row


def start_send(shop) -> Send:
    return Send.objects.create(website=shop.website, store_view=shop, created_at=NOW)


def bounce(row: Message, code: str = "5.1.1", **changes: Any) -> Returned:
    made = Returned(
        message_id=row.pk,
        verdict=Verdict.BOUNCED,
        source="dsn",
        key=f"{row.pk} {code}",
        code=code,
        answer="no such user",
        is_permanent=code.startswith("5"),
        no_such_address=code in {"5.1.1", "5.1.2", "5.1.10"},
    )
    return replace(made, **changes)


def complaint(row: Message, **changes: Any) -> Returned:
    made = Returned(
        message_id=row.pk, verdict=Verdict.COMPLAINED, source="arf", key="complaint", code="abuse"
    )
    return replace(made, **changes)


def record(kind, *reports: Returned) -> list[Written]:
    return [returned.record(one, kinds=[kind], now=NOW) for one in reports]


def of_sender(row: Message) -> dict[str, int]:
    found = counting.of_sender(sender_id=row.sender_id, since=NOW)
    return {measure.value: amount for measure, amount in found.items() if amount}


def suppressed() -> list[tuple[str, bytes]]:
    return [(one.reason, bytes(one.address_hash)) for one in Suppression.objects.order_by("pk")]


# --- Bounces ------------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("trust-18")
@pytest.mark.parametrize("code", ["5.1.1", "5.1.2", "5.1.10"])
def test_an_address_that_does_not_exist_is_suppressed(shop, kind, code):
    row = sent(shop)

    assert record(kind, bounce(row, code)) == [Written.RECORDED]

    row.refresh_from_db()
    assert (row.state, row.code) == (MessageState.BOUNCED, code)
    assert suppressed() == [("bounce", HASH)]
    assert Suppression.objects.get().website == shop.website
    (outcome,) = kind.returned_outcomes
    assert (outcome.verdict, outcome.code, outcome.no_such_address) == (Verdict.BOUNCED, code, True)
    assert (outcome.message.pk, outcome.message.subject_id) == (row.pk, 7)
    assert Attempt.objects.about(row.kind, 7).values_list("outcome", "code", "answer").get() == (
        "bounced",
        code,
        "no such user",
    )
    assert of_sender(row) == {"returned": 1}


@pytest.mark.requirement("trust-18")
@pytest.mark.parametrize("code", ["5.2.2", "5.7.1", "5.0.0"])
def test_a_full_or_strict_mailbox_blames_no_address(shop, kind, code):
    row = sent(shop)

    record(kind, bounce(row, code))

    assert suppressed() == []
    assert Message.objects.get().state == MessageState.BOUNCED
    assert of_sender(row) == {"returned": 1}


@pytest.mark.requirement("trust-18")
def test_a_server_that_gave_up_blames_nobody_though_the_mail_bounced(shop, kind):
    row = sent(shop)

    record(kind, bounce(row, "4.4.7"))

    assert suppressed() == []
    assert Message.objects.get().state == MessageState.BOUNCED
    assert [one.verdict for one in kind.returned_outcomes] == [Verdict.BOUNCED]
    assert of_sender(row) == {}


def test_mail_without_a_hash_suppresses_nobody(shop, kind):
    kind.hashed = {}

    record(kind, bounce(sent(shop)))

    assert suppressed() == []
    assert Message.objects.get().state == MessageState.BOUNCED


@pytest.mark.parametrize(
    ("state", "tries", "before"),
    [
        (MessageState.SENT, 1, "handed_over"),
        (MessageState.READY, 1, "deferred"),
        (MessageState.READY, 0, "queued"),
        (MessageState.HELD, 1, "held"),
    ],
)
def test_the_totals_of_a_send_follow(shop, kind, state, tries, before):
    send = start_send(shop)
    row = sent(shop, send=send, state=state, tries=tries)
    of_sender_before = of_sender(row)

    record(kind, bounce(row))

    totals = counting.totals(send_ids=[send.pk])[send.pk]
    assert {measure.value: n for measure, n in totals.items() if n} == {"bounced": 1}
    assert sum(totals.values()) == 1
    assert totals[Measure(before)] == 0
    assert Message.objects.get().state == MessageState.BOUNCED
    # Of the sender it stays handed over where it was, and has come back.
    assert of_sender(row) == {**of_sender_before, "returned": 1}


def test_a_mail_in_a_workers_hands_is_decided_later(shop, kind):
    row = sent(shop, state=MessageState.LEASED)

    assert record(kind, bounce(row)) == [Written.LATER]
    assert (kind.returned_outcomes, suppressed(), Report.objects.count()) == ([], [], 0)
    assert Message.objects.get().state == MessageState.LEASED

    Message.objects.update(state=MessageState.SENT)
    assert record(kind, bounce(row)) == [Written.RECORDED]


@pytest.mark.parametrize("state", [MessageState.WITHDRAWN, MessageState.FAILED])
def test_a_mail_that_was_given_up_keeps_its_state_though_it_arrived_and_came_back(shop, kind, state):
    send = start_send(shop)
    row = sent(shop, send=send, state=state)

    assert record(kind, bounce(row)) == [Written.RECORDED]

    assert Message.objects.get().state == state
    assert counting.totals(send_ids=[send.pk])[send.pk][Measure(state.value)] == 1
    assert suppressed() == [("bounce", HASH)]
    assert len(kind.returned_outcomes) == 1


def test_the_same_bounce_counts_once(shop, kind):
    row = sent(shop)

    assert record(kind, bounce(row), bounce(row)) == [Written.RECORDED, Written.ALREADY]

    assert len(kind.returned_outcomes) == 1
    assert Attempt.objects.count() == 1
    assert of_sender(row) == {"returned": 1}


def test_another_bounce_of_a_mail_that_bounced_changes_nothing(shop, kind):
    row = sent(shop)

    assert record(kind, bounce(row, "5.2.2"), bounce(row, "5.1.1", source="a provider")) == [
        Written.RECORDED,
        Written.ALREADY,
    ]

    assert suppressed() == []
    assert of_sender(row) == {"returned": 1}


@pytest.mark.requirement("trust-24")
@pytest.mark.parametrize("state", [MessageState.WITHDRAWN, MessageState.FAILED, MessageState.SENT])
def test_however_many_bounces_somebody_writes_for_a_mail_one_counts(shop, kind, state):
    row = sent(shop, state=state)

    written = record(kind, *(bounce(row, key=str(number)) for number in range(5)))

    assert written == [Written.RECORDED] + [Written.ALREADY] * 4
    assert of_sender(row) == {"returned": 1}
    assert (Attempt.objects.count(), len(kind.returned_outcomes)) == (1, 1)
    assert Report.objects.count() <= 2


def test_a_bounce_of_a_mail_that_was_cleared_away_does_nothing(shop, kind):
    row = sent(shop)
    Message.objects.all().delete()

    assert record(kind, bounce(row), complaint(row)) == [Written.UNKNOWN] * 2
    assert (Report.objects.count(), suppressed()) == (0, [])


def test_a_bounce_of_a_kind_that_is_gone_is_still_counted(shop, kind):
    row = sent(shop, kind="vanished")

    assert record(kind, bounce(row)) == [Written.RECORDED]
    assert Message.objects.get().state == MessageState.BOUNCED
    assert kind.returned_outcomes == []


def test_nothing_is_written_when_the_kind_cannot_write(shop):
    class Broken(Friends):
        def returned(self, outcomes, *, now):
            raise LookupError("cannot write this down")

    row = sent(shop)

    with pytest.raises(LookupError):
        record(friends(Broken), bounce(row))

    assert Message.objects.get().state == MessageState.SENT
    assert (Report.objects.count(), Attempt.objects.count(), suppressed()) == (0, 0, [])


def test_a_mail_that_is_claimed_meanwhile_is_decided_anew(shop):
    class Slow(Friends):
        def returned(self, outcomes, *, now):
            super().returned(outcomes, now=now)
            if len(self.returned_outcomes) == 1:
                Message.objects.update(tries=2)  # as another worker's answer would

    row, kind = sent(shop, state=MessageState.READY), friends(Slow)

    assert record(kind, bounce(row)) == [Written.RECORDED]
    assert len(kind.returned_outcomes) == 2
    assert (Report.objects.count(), Attempt.objects.count()) == (1, 1)
    assert Message.objects.get().state == MessageState.BOUNCED


def test_a_mail_that_keeps_changing_is_decided_later(shop):
    class Restless(Friends):
        def returned(self, outcomes, *, now):
            super().returned(outcomes, now=now)
            Message.objects.update(tries=outcomes[0].message.tries + 1)

    row = sent(shop, state=MessageState.READY)

    assert record(friends(Restless), bounce(row)) == [Written.LATER]
    assert (Report.objects.count(), suppressed()) == (0, [])


@pytest.mark.django_db(transaction=True)
def test_the_same_bounce_by_several_ways_at_the_same_moment_counts_once():
    row = sent(make_shop())
    kinds = [friends() for _ in range(6)]

    written = races.together(
        *(
            lambda n=n: returned.record(bounce(row, key=f"key {n % 2}"), kinds=[kinds[n]], now=NOW)
            for n in range(6)
        )
    )

    assert sorted(map(str, written)) == ["already"] * 5 + ["recorded"]
    assert Message.objects.get().state == MessageState.BOUNCED
    assert of_sender(row) == {"returned": 1}
    assert Attempt.objects.count() == 1


def test_a_report_is_forgotten_when_nobody_sends_it_again(shop, kind):
    record(kind, bounce(sent(shop)))

    assert returned.forget_old(now=NOW + returned.REMEMBERED) == 0
    assert returned.forget_old(now=NOW + returned.REMEMBERED * 2) == 1


# --- Complaints ---------------------------------------------------------------------------------------------------------


@pytest.mark.requirement("trust-18")
@pytest.mark.parametrize(
    "state", [MessageState.SENT, MessageState.READY, MessageState.LEASED, MessageState.BOUNCED]
)
def test_a_complaint_suppresses_and_leaves_the_mail_as_it_is(shop, kind, state):
    row = sent(shop, state=state)

    assert record(kind, complaint(row)) == [Written.RECORDED]

    assert Message.objects.get().state == state
    assert suppressed() == [("complaint", HASH)]
    assert [(one.verdict, one.code) for one in kind.returned_outcomes] == [(Verdict.COMPLAINED, "abuse")]
    assert of_sender(row) == {"complained": 1}


def test_a_complaint_counts_once_whoever_tells_it(shop, kind):
    row = sent(shop)
    reports = [complaint(row), complaint(row), complaint(row, key="other"), complaint(row, source="provider")]

    assert record(kind, *reports) == [Written.RECORDED] + [Written.ALREADY] * 3
    assert of_sender(row) == {"complained": 1}
    assert len(kind.returned_outcomes) == 1


@pytest.mark.requirement("trust-18")
def test_a_complaint_outlasts_a_bounce(shop, kind):
    row = sent(shop)

    record(kind, bounce(row), complaint(row))

    assert suppressed() == [("complaint", HASH)]


@pytest.mark.requirement("trust-30")
def test_what_comes_back_holds_its_sender_when_it_is_too_much(shop, kind):
    rows = queue(shop, range(200))
    Message.objects.update(state=MessageState.SENT)
    ledger = counting.Ledger()
    ledger.add(sender_id=rows[0].sender_id, send_id=None, measure=Measure.HANDED_OVER, amount=200)
    ledger.write(now=NOW)

    record(kind, *(bounce(row, "4.4.7") for row in rows[:20]), *(bounce(row) for row in rows[20:29]))
    assert brake.apply(now=NOW) == []
    record(kind, bounce(rows[29], "5.7.1"))

    assert [sender.pk for sender in brake.apply(now=NOW)] == [rows[0].sender_id]


# --- Account mail -------------------------------------------------------------------------------------------------------


def test_account_mail_that_bounces_is_marked_and_suppresses_nobody():
    shop = make.store_view()
    message = accounts.queue(accounts.RESET, user=make.user(), store_view=shop, now=NOW)
    assert message is not None
    Message.objects.update(state=MessageState.SENT)

    for report in (bounce(message), complaint(message)):
        assert returned.record(report, kinds=accounts.KINDS, now=NOW) is Written.RECORDED

    assert (Message.objects.get().state, Message.objects.get().code) == (MessageState.BOUNCED, "5.1.1")
    assert suppressed() == []


# --- From the mail to the rows ------------------------------------------------------------------------------------------


def path_of(row: Message) -> str:
    return returnpath.address_for(message_id=row.pk) or ""


def test_a_mail_is_read_and_written_down(shop, kind):
    row = sent(shop)
    raw = comeback.sample(comeback.POSTFIX, path_of(row))

    assert [returned.take(raw, kinds=[kind], now=NOW) for _ in range(2)] == [Taken.DONE] * 2
    assert Message.objects.get().state == MessageState.BOUNCED
    assert len(kind.returned_outcomes) == 1


@pytest.mark.requirement("trust-24")
@pytest.mark.parametrize(
    "forge",
    [
        lambda _row: comeback.dsn("bounces+" + "0" * 38 + "@bounces.shop.example", failed("5.1.1")),
        lambda row: comeback.dsn(
            f"bounces+{path_of(row).partition('+')[2][:18]}{'f' * 20}@bounces.shop.example", failed("5.1.1")
        ),
        lambda row: comeback.dsn(
            "bounces@bounces.shop.example",
            failed("5.1.1"),
            headers=f"In-Reply-To: <{row.pk}.1@shop.example>\n",
        ),
        lambda _row: comeback.arf(to="friend7@friend.example"),
    ],
    ids=["made-up", "right-number-wrong-signature", "message-id", "complaint"],
)
def test_a_forged_bounce_suppresses_nobody(shop, kind, forge):
    row = sent(shop)

    assert returned.take(forge(row), kinds=[kind], now=NOW) is Taken.NOT_OURS

    assert (suppressed(), kind.returned_outcomes, Report.objects.count()) == ([], [], 0)
    assert Message.objects.get().state == MessageState.SENT


@pytest.mark.parametrize(
    ("make_mail", "taken"),
    [
        (lambda to: comeback.dsn(to, failed("4.4.1", action="delayed")), Taken.DONE),
        (lambda to: comeback.sample(comeback.AUTOMATIC, to), Taken.DONE),
        (lambda _to: comeback.mail("To: people@shop.example", "Lunch?"), Taken.NOT_OURS),
        (lambda _to: b"", Taken.NOT_OURS),
    ],
    ids=["delayed", "automatic", "people", "nothing"],
)
def test_what_is_no_bounce_changes_nothing(shop, kind, make_mail, taken):
    row = sent(shop)

    assert returned.take(make_mail(path_of(row)), kinds=[kind], now=NOW) is taken

    assert (suppressed(), kind.returned_outcomes, Report.objects.count()) == ([], [], 0)
    assert Message.objects.get().state == MessageState.SENT


def test_a_mail_whose_bounce_comes_too_early_is_asked_for_again(shop, kind):
    row = sent(shop, state=MessageState.LEASED)

    raw = comeback.dsn(path_of(row), failed("5.1.1"))

    assert returned.take(raw, kinds=[kind], now=NOW) is Taken.LATER


def hand_over(kind: Friends) -> Basket:
    basket = Basket()
    delivery.run(
        kinds=[kind], transport=basket, worker="one", clock=lambda: NOW, batch_size=lambda _website: 10
    )
    return basket


def test_the_bounce_of_a_mail_that_was_handed_over_finds_it(shop, kind):
    queue(shop, range(6, 9))
    basket = hand_over(kind)

    for parcel in basket.parcels[1:]:
        assert mail_of(parcel)["From"] == "Loom <shop@shop.example>"
        returned.take(comeback.dsn(parcel.sender, failed("5.1.1")), kinds=[kind], now=NOW)

    assert dict(Message.objects.values_list("subject_id", "state")) == {6: "sent", 7: "bounced", 8: "bounced"}
    assert [one.message.subject_id for one in kind.returned_outcomes] == [7, 8]
    assert suppressed() == [("bounce", HASH)]


def test_bounces_go_to_the_sender_when_no_return_path_is_configured(shop, kind, settings):
    settings.GUESTLIST_RETURN_PATH = ""
    queue(shop, range(7, 8))

    assert [parcel.sender for parcel in hand_over(kind).parcels] == ["shop@shop.example"]
