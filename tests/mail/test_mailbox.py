"""Bounces from a mailbox, read from a real server: what is put away, what stays, and what a break does."""

import logging
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError

from guestlist.mail import mailbox, reports, returnpath
from guestlist.mail.mailbox import Mailbox, MailboxError, Reader
from guestlist.mail.models import Message, MessageState
from guestlist.mail.returned import Taken
from tests.mail import comeback, imapserver, mailserver
from tests.mail.comeback import failed
from tests.mail.imapserver import PASSWORD, USER, Mail, Store
from tests.mail.outbox import NOW, Friends, make_shop, queue

OURS = comeback.mail("Subject: ours", "A bounce.\n")
PEOPLES = comeback.mail("Subject: people's", "At one?\n")
EARLY = comeback.mail("Subject: early", "Too early.\n")


@pytest.fixture
def store():
    with imapserver.running(Store()) as running:
        yield running


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("imap-tls")
    mailserver.make_certificate(folder)
    return folder


def at(store: Store, **changes) -> Reader:
    fields: dict[str, Any] = {"user": USER, "password": PASSWORD, "implicit_tls": False, "timeout": 10.0}
    return Reader(Mailbox("127.0.0.1", store.port, **(fields | changes)))


def handle(raw: bytes) -> Taken:
    return {OURS: Taken.DONE, PEOPLES: Taken.NOT_OURS, EARLY: Taken.LATER}[raw]


class Given(list[bytes]):
    """What was given to handle, in order; handles it."""

    def __call__(self, raw: bytes) -> Taken:
        self.append(raw)
        return handle(raw)


# --- Reading ------------------------------------------------------------------------------------------------------------


def test_what_was_for_us_is_marked_and_moved_and_the_rest_stays_untouched(store):
    ours, peoples, early = store.put(OURS), store.put(PEOPLES), store.put(EARLY)
    read_before = store.put(OURS, flags={"\\Seen"})

    assert at(store).read(handle=handle) == 1

    assert store.uids("Guestlist") == store.seen("Guestlist") == [ours]
    assert store.uids() == [peoples, early, read_before]
    assert store.seen() == [read_before]


def test_what_is_not_ours_is_fetched_once_and_what_was_early_again(store):
    store.put(PEOPLES)
    early = store.put(EARLY)
    reader, given = at(store), Given()

    for _ in range(3):
        reader.read(handle=given)

    assert given == [PEOPLES, EARLY, EARLY, EARLY]
    assert early in store.uids()


def test_all_is_looked_at_again_when_the_numbers_of_the_mailbox_have_changed(store):
    store.put(PEOPLES)
    reader, given = at(store), Given()
    reader.read(handle=given)

    store.uid_validity = 2
    reader.read(handle=given)

    assert given == [PEOPLES, PEOPLES]


def test_a_run_reads_no_more_than_its_limit_and_the_next_goes_on(store):
    for _ in range(50):
        store.put(OURS)

    assert [at(store).read(handle=handle, limit=30) for _ in range(3)] == [30, 20, 0]
    assert store.uids() == []


def test_only_the_beginning_of_a_mail_is_fetched(store):
    store.put(b"x" * (reports.MAX_BYTES + 1_000))
    given: list[bytes] = []

    def keep(raw: bytes) -> Taken:
        given.append(raw)
        return Taken.DONE

    at(store).read(handle=keep)

    assert [len(raw) for raw in given] == [reports.MAX_BYTES]


def test_a_server_may_say_the_number_of_a_mail_behind_it(store):
    store.uid_last = True
    ours, peoples = store.put(OURS), store.put(PEOPLES)

    assert at(store).read(handle=handle) == 1
    assert (store.uids("Guestlist"), store.uids()) == ([ours], [peoples])


@pytest.mark.parametrize(
    "change",
    [{"capabilities": ("IMAP4rev1", "AUTH=PLAIN")}, {"may_create": False}, {"handled": ""}],
    ids=["no-move", "no-folder", "not-wanted"],
)
def test_what_cannot_be_moved_is_marked_and_stays(store, change):
    options = {"handled": change["handled"]} if "handled" in change else {}
    for name, value in change.items():
        setattr(store, name, value)
    ours = store.put(OURS)
    reader = at(store, **options)

    assert [reader.read(handle=handle) for _ in range(2)] == [1, 0]
    assert store.uids() == store.seen() == [ours]
    assert "Guestlist" not in store.folders


def test_another_folder_is_read_and_another_one_filled(store):
    store.folders["Returned mail"] = []
    ours = store.put(OURS, folder="Returned mail")

    assert at(store, folder="Returned mail", handled='Read by "us"').read(handle=handle) == 1
    assert len(store.folders) == 3
    assert store.uids("Returned mail") == []
    assert ours in [one.uid for folder in store.folders.values() for one in folder]


@pytest.mark.parametrize("password", ["plain", 'with "signs" \\ in it'])
def test_signing_in_works_where_only_the_plain_command_is_offered(store, password):
    store.capabilities, store.password = ("IMAP4rev1", "MOVE"), password
    store.put(OURS)

    assert at(store, password=password).read(handle=handle) == 1


def test_a_password_that_the_plain_command_cannot_carry_is_told(store):
    store.capabilities = ("IMAP4rev1", "MOVE")

    with pytest.raises(MailboxError, match="ascii"):
        at(store, password="caf\u00e9").read(handle=handle)


# --- What goes wrong ----------------------------------------------------------------------------------------------------


def test_a_mail_that_cannot_be_handled_stands_in_nobodys_way(store, caplog):
    def clumsy(raw: bytes) -> Taken:
        if raw == EARLY:
            raise LookupError("cannot write this down")
        return handle(raw)

    early, ours = store.put(EARLY), store.put(OURS)
    reader = at(store)

    assert [reader.read(handle=clumsy) for _ in range(2)] == [1, 0]
    assert (store.uids(), store.seen()) == ([early], [])
    assert store.uids("Guestlist") == [ours]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_when_the_database_goes_away_what_was_written_down_is_put_away_and_the_rest_waits(store):
    def until_it_is_gone(raw: bytes) -> Taken:
        if raw == EARLY:
            raise OperationalError("gone")
        return handle(raw)

    done, early, last = store.put(OURS), store.put(EARLY), store.put(OURS)

    with pytest.raises(OperationalError):
        at(store).read(handle=until_it_is_gone)

    assert store.uids("Guestlist") == [done]
    assert (store.uids(), store.seen()) == ([early, last], [])


@pytest.mark.parametrize("command", ["AUTHENTICATE", "SELECT", "SEARCH", "FETCH", "STORE", "MOVE"])
def test_a_line_that_goes_dead_loses_nothing(store, command):
    for _ in range(30):
        store.put(OURS)
    store.drop_at = command
    reader = at(store)

    with pytest.raises(MailboxError):
        reader.read(handle=handle)
    store.drop_at = ""
    reader.read(handle=handle)

    assert store.uids() == store.seen()  # what was marked but not moved yet stays, marked
    assert len(store.uids() + store.uids("Guestlist")) == 30


def test_a_break_midway_goes_on_where_it_stopped(store):
    for _ in range(45):
        store.put(OURS)
    store.drop_at, store.drop_after = "FETCH", 1
    reader = at(store)

    with pytest.raises(MailboxError):
        reader.read(handle=handle)

    assert len(store.uids("Guestlist")) == 20
    store.drop_at = ""
    assert reader.read(handle=handle) == 25


def test_a_mailbox_full_of_what_is_not_ours_is_read_all_the_same(store):
    # As many numbers as do not fit into one line of the library's.
    store.folders["INBOX"] = [Mail(1_000_000 + number, PEOPLES, set()) for number in range(130_000)]
    store.next_uid = 2_000_000
    store.put(OURS)
    reader = at(store)
    reader.uid_validity, reader.left_alone = b"1", {b"%d" % uid for uid in store.uids()[:-1]}

    assert reader.read(handle=handle) == 1

    assert len(reader.left_alone) == 130_000


def test_a_server_that_announces_more_than_was_asked_for_is_not_heard_out(store):
    store.put(OURS)
    store.announces = 1 << 40

    with pytest.raises(MailboxError, match="announces"):
        at(store).read(handle=handle)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"password": "wrong"}, "Invalid credentials"),
        ({"starttls": True}, "TLS not supported"),
        ({"folder": "Nowhere"}, "no such folder"),
    ],
)
def test_a_server_that_says_no_is_told_in_its_words(store, changes, words):
    with pytest.raises(MailboxError, match=words) as raised:
        at(store, **changes).read(handle=handle)

    assert PASSWORD not in str(raised.value)
    assert PASSWORD not in repr(at(store))


def test_a_mailbox_that_may_only_be_read_is_refused(store):
    store.read_only = True
    store.put(OURS)

    with pytest.raises(MailboxError, match="not writable"):
        at(store).read(handle=handle)


def test_a_server_that_is_away_is_told(store):
    reader = Reader(Mailbox("127.0.0.1", 1, USER, PASSWORD, implicit_tls=False))

    with pytest.raises(MailboxError, match="refused"):
        reader.read(handle=handle)


@pytest.mark.parametrize("starttls", [False, True])
def test_reading_by_tls(certificate, starttls):
    with imapserver.running(Store(), tls=certificate, starttls=starttls) as store:
        store.put(OURS)
        trusting = {"implicit_tls": not starttls, "starttls": starttls}

        assert at(store, **trusting, ca_file=str(certificate / "ca.pem")).read(handle=handle) == 1
        assert store.secured
        with pytest.raises(MailboxError, match="certificate verify failed"):
            at(store, **trusting).read(handle=handle)


# --- The setting --------------------------------------------------------------------------------------------------------


def test_the_url_says_it_all():
    found = Mailbox.parse(
        "imap://bounces%40shop.example:p%3Aw%2F@imap.shop.example:1143/Returned%20mail"
        "?starttls=1&handled=&timeout=5&ca_file=/etc/ca.pem"
    )

    assert found == Mailbox(
        host="imap.shop.example",
        port=1143,
        user="bounces@shop.example",
        password="p:w/",
        folder="Returned mail",
        implicit_tls=False,
        starttls=True,
        ca_file="/etc/ca.pem",
        timeout=5.0,
        handled="",
    )
    assert Mailbox.parse("imaps://a:b@host") == Mailbox("host", 993, "a", "b")
    assert Mailbox.parse("imap://a:b@localhost/").port == 143


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("imap://a:b@imap.shop.example/INBOX", "in the clear"),
        ("pop3://a:b@host", "must look like"),
        ("imaps://host/INBOX", "must look like"),
        ("imaps://a:b@/INBOX", "must look like"),
        ("imaps://a:b@host:port", "cannot be read"),
        ("imaps://a:b@host?timeout=soon", "cannot be read"),
        ("imaps://a:b@host?timeout=0", "timeout"),
        ("imaps://a:b@host?timeout=inf", "timeout"),
        ("imaps://a:b@host?tls=no&color=red", "color, tls"),
        ("imaps://a:b@host/%D0%9F", "UTF-7"),
        ("imaps://a:b@host/IN%0D%0ABOX", "UTF-7"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_with_the_reason(url, words):
    with pytest.raises(ImproperlyConfigured, match=words):
        Mailbox.parse(url)


@pytest.mark.requirement("trust-26")
@pytest.mark.parametrize("password", ["geheim/1", "geheim?1", "geheim#1", "geheim[1"])
def test_a_password_with_a_sign_of_its_own_is_refused_without_being_told(password):
    with pytest.raises(ImproperlyConfigured, match="GUESTLIST_BOUNCE_MAILBOX") as refused:
        Mailbox.parse(f"imaps://shop:{password}@imap.example")

    assert "geheim" not in str(refused.value)


# --- The job ------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_job_writes_down_what_came_back(store, settings):
    settings.GUESTLIST_RETURN_PATH = "bounces@bounces.shop.example"
    settings.GUESTLIST_BOUNCE_MAILBOX = (
        f"imap://bounces%40shop.example:s3cret%20%22quoted%22%20%5C%20%C3%A9@127.0.0.1:{store.port}/INBOX"
    )
    (row,), kind = queue(make_shop(), range(1)), Friends()
    store.put(comeback.dsn(returnpath.address_for(message_id=row.pk), failed("5.1.1")))
    peoples = store.put(PEOPLES)

    assert mailbox.collect(kinds=[kind], clock=lambda: NOW) == 1

    assert Message.objects.get().state == MessageState.BOUNCED
    assert len(kind.returned_outcomes) == 1
    assert (store.uids(), store.seen()) == ([peoples], [])


def test_the_job_logs_that_the_mailbox_is_away(settings, caplog):
    settings.GUESTLIST_BOUNCE_MAILBOX = "imap://a:s3cret@127.0.0.1:1/INBOX"

    assert mailbox.collect(kinds=[], clock=lambda: NOW) == 0

    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "s3cret" not in caplog.text


def test_the_job_has_nothing_to_do_when_no_mailbox_is_named(settings):
    settings.GUESTLIST_BOUNCE_MAILBOX = ""

    assert mailbox.collect(kinds=[], clock=lambda: NOW) == 0
