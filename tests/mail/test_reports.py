"""Reading bounces and complaints: what each of the usual forms says, and that nothing else says anything."""

import base64
import quopri
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestlist.mail import reports, returnpath
from guestlist.mail.kinds import Verdict
from guestlist.mail.reports import Ignored, Returned
from tests.mail import comeback
from tests.mail.comeback import failed

NUMBER = 4711


@pytest.fixture(autouse=True)
def _configured(settings) -> None:
    settings.GUESTLIST_RETURN_PATH = "bounces@bounces.shop.example"


@pytest.fixture
def ours() -> str:
    made = returnpath.address_for(message_id=NUMBER)
    assert made is not None
    return made


def bounced(raw: bytes) -> Returned:
    found = reports.read(raw)
    assert isinstance(found, Returned), found
    assert (found.message_id, found.verdict, found.source) == (NUMBER, Verdict.BOUNCED, "dsn")
    return found


# --- The usual forms ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code", "answer", "no_such_address"),
    [
        (
            comeback.POSTFIX,
            "5.1.1",
            "550 5.1.1 <…>: Recipient address rejected: User unknown in virtual mailbox table",
            True,
        ),
        (
            comeback.EXIM,
            "5.1.1",
            "550-5.1.1 The account … does not exist. 550 5.1.1 https://help.friend.example/?p=NoSuchUser",
            True,
        ),
        (
            comeback.EXCHANGE,
            "5.1.10",
            "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient … not found by SMTP address lookup",
            True,
        ),
        (
            comeback.GMAIL,
            "5.2.2",
            "552-5.2.2 The recipient's inbox is out of storage space 552 5.2.2 and inactive. - gsmtp",
            False,
        ),
    ],
    ids=["postfix", "exim", "exchange", "gmail"],
)
def test_a_bounce_is_read_in_the_forms_of_the_usual_servers(ours, text, code, answer, no_such_address):
    found = bounced(comeback.sample(text, ours))

    assert (found.code, found.answer) == (code, answer)
    assert (found.is_permanent, found.no_such_address) == (True, no_such_address)


def test_a_complaint_is_read_in_the_form_of_yahoo(ours):
    found = reports.read(comeback.sample(comeback.YAHOO_ARF, ours))

    assert isinstance(found, Returned)
    assert (found.message_id, found.verdict, found.source) == (NUMBER, Verdict.COMPLAINED, "arf")
    assert (found.code, found.answer) == ("abuse", "Yahoo!-Mail-Feedback/2.0")


# --- Bounces ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "said", "code"),
    [
        ("5.1.2", "", "5.1.2"),
        ("5.7.1", "smtp; 550 5.1.1 no such user", "5.7.1"),
        ("5.0.0", "smtp; 550 5.7.1 not wanted", "5.7.1"),
        ("5.0.0", "smtp; 550 #5.1.1 no such user", "5.1.1"),
        ("5.0.0", "smtp; 450 4.1.1 not now", "5.0.0"),
        ("5.0.0", "X-Unix; 550 5.1.1 what a shell said", "5.0.0"),
        ("5.0.0", "smtp; 550 the number 5.1.1 stands late", "5.0.0"),
        ("4.4.7", "", "4.4.7"),
        ("5.1.1 (no such mailbox)", "", "5.1.1"),
        ("", "", "5.0.0"),
        ("2.0.0", "", "5.0.0"),
        ("nonsense", "smtp; 550 5.2.1 disabled", "5.2.1"),
    ],
)
def test_the_code_is_the_status_or_where_it_says_nothing_the_servers_own(ours, status, said, code):
    found = bounced(comeback.dsn(ours, failed(status, said)))

    assert found.code == code
    assert found.is_permanent == code.startswith("5")
    assert found.no_such_address == (code in {"5.1.1", "5.1.2", "5.1.10"})


@pytest.mark.parametrize(
    ("recipients", "reason"),
    [
        ([failed("4.4.1", action="delayed")], "delayed"),
        ([failed("2.0.0", action="delivered")], "delivered"),
        ([failed("2.0.0", action="relayed")], "delivered"),
        ([failed("2.0.0", action="expanded")], "delivered"),
        ([failed("5.1.1"), failed("2.0.0", action="delivered")], "delivered"),
        ([failed("5.1.1"), failed("4.4.1", action="delayed")], "delayed"),
        ([failed("5.1.1", action="exploded")], "unknown_action"),
        ([failed("5.1.1", action="")], "unknown_action"),
        (["Final-Recipient: rfc822; friend@friend.example"], "no_recipients"),
        ([], "no_recipients"),
    ],
)
def test_what_is_no_failure_is_no_bounce(ours, recipients, reason):
    assert reports.read(comeback.dsn(ours, *recipients)) == Ignored(reason, is_ours=True)


@pytest.mark.parametrize(
    ("statuses", "code", "permanent", "no_such_address"),
    [
        (["5.1.1", "5.1.1"], "5.1.1", True, True),
        (["5.1.1", "5.2.2"], "5.2.2", True, False),
        (["5.1.1", "4.4.7"], "4.4.7", False, False),
    ],
)
def test_of_several_recipients_the_one_that_blames_least_counts(
    ours, statuses, code, permanent, no_such_address
):
    found = bounced(comeback.dsn(ours, *map(failed, statuses)))

    assert (found.code, found.is_permanent, found.no_such_address) == (code, permanent, no_such_address)


@pytest.mark.parametrize(
    "header", ["To", "Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "delivered-to"]
)
def test_whose_it_is_stands_in_any_of_the_headers_that_name_the_recipient(ours, header):
    raw = comeback.dsn(None, failed("5.1.1"), headers=f"{header}: <{ours.upper()}>\n")

    assert bounced(raw).code == "5.1.1"


@pytest.mark.parametrize("encode", [base64.encodebytes, quopri.encodestring], ids=["base64", "quoted"])
def test_an_encoded_status_is_read(ours, encode):
    name = "base64" if encode is base64.encodebytes else "quoted-printable"
    status = "Reporting-MTA: dns; mx.friend.example\n\n" + failed("5.1.1", "smtp; 550 5.1.1 gone = é")
    part = f"Content-Type: message/delivery-status\nContent-Transfer-Encoding: {name}\n\n"
    raw = comeback.report(
        "delivery-status", [part + encode(status.encode()).decode()], headers=f"To: {ours}\n"
    )

    assert bounced(raw).answer == "550 5.1.1 gone = é"


def test_an_international_status_is_read(ours):
    raw = comeback.dsn(
        ours, failed("5.1.1", "smtp; 550 5.1.1 onbekénd"), content_type="message/global-delivery-status"
    )

    assert bounced(raw).answer == "550 5.1.1 onbekénd"


def test_a_status_without_an_empty_line_between_its_blocks_is_read(ours):
    about = "Reporting-MTA: dns; mx.friend.example\n" + failed("5.1.1").strip()

    assert bounced(comeback.dsn(ours, about=about)).code == "5.1.1"


def test_a_report_that_a_gateway_wrapped_is_read(ours):
    inner = comeback.dsn(None, failed("5.1.1")).replace(b"\r\n", b"\n").decode()
    raw = comeback.mail(
        f'To: {ours}\nContent-Type: multipart/mixed; boundary="outer"',
        f"--outer\n{inner}\n--outer\nContent-Type: text/plain\n\nScanned for viruses.\n--outer--\n",
    )

    assert bounced(raw).code == "5.1.1"


def test_a_report_that_was_cut_off_is_read_as_far_as_it_goes(ours):
    raw = comeback.sample(comeback.POSTFIX, ours)

    assert bounced(raw[: raw.index(b"Content-Description: Undelivered Message")]).code == "5.1.1"


def test_what_stands_behind_the_report_may_be_of_any_size(ours):
    raw = comeback.sample(comeback.POSTFIX, ours) + b"x" * 5_000_000

    assert bounced(raw).code == "5.1.1"


def test_the_same_bounce_has_the_same_key_whichever_way_it_came(ours):
    raw = comeback.sample(comeback.POSTFIX, ours)
    by_mailbox = b"X-Spam-Score: 0\r\n" + raw.replace(b"\r\n", b"\n")
    second_try = raw.replace(b"12:00:00", b"13:00:00")

    assert bounced(raw).key == bounced(by_mailbox).key
    assert bounced(raw).key != bounced(second_try).key
    assert len(bounced(raw).key) <= 128


# --- Complaints ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("feedback", ["abuse", "fraud", "virus", "opt-out", "Abuse", "abuse (spam button)"])
def test_a_complaint_counts(ours, feedback):
    found = reports.read(comeback.arf(feedback, original_mail_from=ours))

    assert isinstance(found, Returned)
    assert (found.verdict, found.message_id) == (Verdict.COMPLAINED, NUMBER)


@pytest.mark.parametrize("feedback", ["not-spam", "auth-failure", "other", "dmarc", ""])
def test_other_feedback_is_no_complaint(ours, feedback):
    found = reports.read(comeback.arf(feedback, original_mail_from=ours))

    assert found == Ignored("no_complaint", is_ours=True)


@pytest.mark.parametrize("enclosed", ["message/rfc822", "text/rfc822-headers"])
def test_a_complaint_is_matched_by_the_enclosed_return_path(ours, enclosed):
    found = reports.read(comeback.arf(return_path=ours, enclosed=enclosed))

    assert isinstance(found, Returned)
    assert found.message_id == NUMBER


def test_a_complaint_that_hides_the_return_path_is_left_alone():
    assert reports.read(comeback.arf()) == Ignored("not_ours", is_ours=False)


# --- What says nothing --------------------------------------------------------------------------------------------------


@pytest.mark.requirement("trust-24")
@pytest.mark.parametrize(
    "make", [lambda to: comeback.dsn(to, failed("5.1.1")), lambda to: comeback.arf(to=to)]
)
def test_a_forged_report_says_nothing(ours, make):
    digits = ours.partition("+")[2].partition("@")[0]
    other = f"{int(digits, 16) ^ (1 << 80):038x}"  # another mail's number under this one's signature

    assert reports.read(make(ours.replace(digits, other))) == Ignored("forged", is_ours=False)


@pytest.mark.requirement("trust-24")
def test_addresses_and_message_ids_of_ours_are_not_believed():
    raw = comeback.dsn(
        "bounces@bounces.shop.example",
        failed("5.1.1"),
        headers="In-Reply-To: <1.x@shop.example>\nX-Failed-Recipients: friend@friend.example\n",
    )

    assert reports.read(raw) == Ignored("not_ours", is_ours=False)


def test_a_return_path_in_the_text_or_status_of_a_bounce_is_not_believed(ours):
    raw = comeback.dsn("people@shop.example", failed("5.1.1") + f"X-Postfix-Sender: rfc822; {ours}")

    assert reports.read(raw) == Ignored("not_ours", is_ours=False)


def test_a_bounce_that_somebody_attached_to_a_mail_is_not_ours(ours):
    inner = comeback.sample(comeback.POSTFIX, ours).replace(b"\r\n", b"\n").decode()
    raw = comeback.mail(
        'To: people@shop.example\nContent-Type: multipart/mixed; boundary="outer"',
        f"--outer\nContent-Type: message/rfc822\n\n{inner}\n--outer--\n",
    )

    assert reports.read(raw) == Ignored("not_ours", is_ours=False)


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ("Auto-Submitted: auto-replied (vacation)\n", "automatic_answer"),
        ("", "no_report"),
        ("Auto-Submitted: no\n", "no_report"),
    ],
)
def test_what_is_no_report_is_ignored_though_it_came_to_the_return_path(ours, headers, reason):
    raw = comeback.mail(
        f"From: friend@friend.example\nTo: {ours}\n{headers}", "550 5.1.1 User unknown\nAction: failed\n"
    )

    assert reports.read(raw) == Ignored(reason, is_ours=True)
    assert reports.read(comeback.sample(comeback.AUTOMATIC, ours)) == Ignored(
        "automatic_answer", is_ours=True
    )


def test_mail_among_people_is_not_ours():
    raw = comeback.mail("From: a@a.example\nTo: b@shop.example\nSubject: Lunch", "At one?\n")

    assert reports.read(raw) == Ignored("not_ours", is_ours=False)


# --- Hostile ------------------------------------------------------------------------------------------------------------

_NEST = "".join(f"Content-Type: multipart/mixed; boundary={n}\n\n--{n}\n" for n in range(5_000))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n" * 300_000,
        b"\x00\xff\xfe" * 1_000,
        b"To: " + b"<" * 100_000,
        b"Content-Type: multipart/report; " + b';"' * 100_000,
        b"Content-Type: multipart/report; boundary=\n\n--\n--\n",
        b"Content-Type: multipart/report\n\nno boundary",
        b"Content-Type: message/delivery-status\n\nAction: failed",
        _NEST.encode(),
        _NEST.encode()[:20_000] + b"\n" * 100_000,
        b"To: =?utf-8?b?" + b"A" * 70_000 + b"?=\n\n",
        b"Content-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\nA",
        b"From: a\n" * 30_000,
    ],
    ids=range(13),
)
def test_a_hostile_mail_says_nothing(raw):
    assert isinstance(reports.read(raw), Ignored)


_LONG = b'Content-Type: multipart/mixed; x="' + b";" * reports.MAX_BYTES


@pytest.mark.parametrize(
    "raw",
    [
        _LONG,
        b"Content-Type: multipart/mixed; boundary=b\n\n" + (b"--b\n" + _LONG[:1_900] + b"\n\n\n") * 125,
    ],
    ids=["one", "many"],
)
def test_a_mail_with_endless_headers_takes_no_time(raw):
    began = time.process_time()

    assert isinstance(reports.read(raw), Ignored)

    assert time.process_time() - began < 5


_PIECES = st.sampled_from(
    [
        b"To: ",
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n",
        b"Content-Type: message/delivery-status\r\n",
        b"Content-Type: message/feedback-report\r\n",
        b"Content-Type: message/rfc822\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Transfer-Encoding: quoted-printable\r\n",
        b"\r\n",
        b"--b\r\n",
        b"--b--\r\n",
        b"Action: failed\r\n",
        b"Status: 5.1.1\r\n",
        b"Diagnostic-Code: smtp; 550 5.1.1 x\r\n",
        b"Feedback-Type: abuse\r\n",
        b"Return-Path: ",
    ]
)


@settings(max_examples=300)
@given(st.lists(st.one_of(_PIECES, st.binary(max_size=40)), max_size=40).map(b"".join))
def test_reading_never_raises(raw):
    assert isinstance(reports.read(raw), Ignored)


@settings(max_examples=200)
@given(st.data())
def test_reading_never_raises_when_a_real_bounce_is_damaged(data):
    raw = bytearray(comeback.sample(comeback.POSTFIX, returnpath.address_for(message_id=NUMBER) or ""))
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))

    found = reports.read(bytes(raw))

    assert isinstance(found, Ignored) or found.message_id == NUMBER
