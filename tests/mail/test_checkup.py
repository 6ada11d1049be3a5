"""What a look at the set-up of mail finds: a real DNS server, a real mail server, real keys."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from django.utils import translation

from guestlist.mail import checkup, dkim, dns, letters
from guestlist.mail.answers import Answer, Result
from guestlist.mail.checkup import Level, Sender, Topic
from guestlist.mail.models import SenderIdentity
from guestlist.mail.transport import Server
from guestlist.worker import checkup as command
from tests import make
from tests.mail import mailserver, nameserver
from tests.mail.test_dkim import pem

RSA = dkim.Key("s1", "shop.example", rsa.generate_private_key(public_exponent=65537, key_size=2048))
ED25519 = dkim.Key("s2", "shop.example", ed25519.Ed25519PrivateKey.generate())
OWN = Server(host="mail.shop.example", port=25, starttls=True)
PROVIDER = Server(host="smtp.provider.example", port=587, starttls=True, user="shop", password="x")
LOCAL = Server(host="127.0.0.1", port=25)
HEALTHY = {
    ("shop.example", "TXT"): ["v=spf1 ip4:192.0.2.1 -all", "some-site-verification=1"],
    ("shop.example", "MX"): ["10 mail.shop.example."],
    ("shop.example", "A"): ["198.51.100.80"],
    ("mail.shop.example", "A"): ["192.0.2.1"],
    ("1.2.0.192.in-addr.arpa", "PTR"): ["mail.shop.example."],
    ("s1._domainkey.shop.example", "TXT"): [RSA.record_value],
    ("s2._domainkey.shop.example", "TXT"): [ED25519.record_value],
    ("_dmarc.shop.example", "TXT"): ["v=DMARC1; p=quarantine; rua=mailto:dmarc@shop.example"],
    ("smtp.provider.example", "A"): ["203.0.113.7"],
}


@pytest.fixture(scope="module")
def server():
    with nameserver.running() as one:
        yield one


@pytest.fixture
def look(server):
    """Return what looks at hello@shop.example with a healthy zone, but for what is given."""

    def at(
        zone=None,
        *,
        sender: str = "hello@shop.example",
        keys=(RSA,),
        back: str = "",
        host: str = "shop.test",
        **options,
    ):
        server.zone = {key: values for key, values in (HEALTHY | (zone or {})).items() if values}
        return checkup.look(
            [Sender(letters.mailbox(sender), frozenset({host}))] if sender else [],
            server=options.pop("server", OWN),
            addresses=options.pop("addresses", ()),
            signer=dkim.Signer(keys) if keys else None,
            return_path=letters.mailbox(back) if back else None,
            resolver=dns.Resolver(server="127.0.0.1", port=server.port, seconds=0.5),
            **options,
        )

    return at


def codes(findings, level: Level | None = None) -> set[str]:
    return {one.code for one in findings if level is None or one.level is level}


def the(findings: list[checkup.Finding], code: str) -> checkup.Finding:
    (one,) = (one for one in findings if one.code == code)
    return one


def answering(answer: Answer):
    """Return something to ask in the mail server's place, and the addresses that it was asked about."""
    asked: list[str] = []

    def probe(address: str) -> Answer:
        asked.append(address)
        return answer

    return probe, asked


def test_nothing_is_wrong_when_everything_is_published(look):
    found = look(keys=(RSA, ED25519))

    assert codes(found, Level.PROBLEM) == codes(found, Level.WARNING) == set()
    assert codes(found) == {
        "tls_ok",
        "reverse_ok",
        "spf_ok",
        "dkim_ok",
        "dmarc_ok",
        "replies_ok",
        "rules_gmail",
        "rules_yahoo",
        "rules_microsoft",
        "rules_complaints",
    }
    assert the(found, "rules_gmail").message == "Gmail's rules for bulk mail: shop.example misses nothing."


@pytest.mark.parametrize(
    ("zone", "code", "record"),
    [
        ({("shop.example", "TXT"): []}, "spf_missing", "v=spf1 ip4:192.0.2.1 ~all"),
        (
            {("shop.example", "TXT"): ["v=spf1 ip4:192.0.2.1 -all", "v=spf1 include:b.example ~all"]},
            "spf_several",
            None,
        ),
        ({("shop.example", "TXT"): ["v=spf1 ipv4:192.0.2.1 -all"]}, "spf_syntax", None),
        ({("shop.example", "TXT"): ["v=spf1 include:b.example -all"]}, "spf_no_included", None),
        ({("shop.example", "TXT"): ["v=spf1 +all"]}, "spf_open", None),
        ({("s1._domainkey.shop.example", "TXT"): []}, "dkim_unpublished", RSA.record_value),
        ({("s1._domainkey.shop.example", "TXT"): ["v=DKIM1; p="]}, "dkim_revoked", RSA.record_value),
        (
            {("s1._domainkey.shop.example", "TXT"): [ED25519.record_value]},
            "dkim_mismatch",
            RSA.record_value,
        ),
        (
            {("s1._domainkey.shop.example", "TXT"): [RSA.record_value[:-20]]},
            "dkim_mismatch",
            RSA.record_value,
        ),
        ({("s1._domainkey.shop.example", "TXT"): ["p=MIIB"]}, "dkim_mismatch", RSA.record_value),
        ({("s1._domainkey.shop.example", "TXT"): ["p=M"]}, "dkim_mismatch", RSA.record_value),
        (
            {("s1._domainkey.shop.example", "TXT"): [RSA.record_value, ED25519.record_value]},
            "dkim_several",
            RSA.record_value,
        ),
        (
            {("s1._domainkey.shop.example", "TXT"): [f"h=sha1; {RSA.record_value}"]},
            "dkim_unusable",
            RSA.record_value,
        ),
        (
            {("s1._domainkey.shop.example", "TXT"): [f"{RSA.record_value}; s=other"]},
            "dkim_unusable",
            RSA.record_value,
        ),
        (
            {("_dmarc.shop.example", "TXT"): []},
            "dmarc_missing",
            "v=DMARC1; p=none; rua=mailto:postmaster@shop.example",
        ),
        ({("_dmarc.shop.example", "TXT"): ["v=DMARC1; p=none", "v=DMARC1; p=reject"]}, "dmarc_several", None),
        (
            {("_dmarc.shop.example", "TXT"): ["v=DMARC1; p=nothing"]},
            "dmarc_unusable",
            "v=DMARC1; p=none; rua=mailto:postmaster@shop.example",
        ),
        ({("1.2.0.192.in-addr.arpa", "PTR"): []}, "reverse_missing", "mail.shop.example."),
        ({("1.2.0.192.in-addr.arpa", "PTR"): ["other.example."]}, "reverse_unconfirmed", "192.0.2.1"),
        ({("shop.example", "MX"): ["0 ."]}, "replies_refused", None),
        ({("shop.example", "MX"): [], ("shop.example", "A"): []}, "replies_nowhere", None),
        ({("shop.example", "MX"): ["10 gone.example."]}, "replies_nowhere", None),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",  # keys are made anew in each process
)
def test_problem_is_found_with_the_record_to_publish(zone, code, record, look):
    found = look(zone)
    one = the(found, code)

    assert one.level is Level.PROBLEM
    assert codes(found, Level.PROBLEM) - {"rules_gmail", "rules_yahoo", "rules_microsoft"} == {code}
    if code != "spf_several":
        assert (one.record.value if one.record else None) == record


@pytest.mark.parametrize(
    ("zone", "code"),
    [
        ({("shop.example", "TXT"): ["v=spf1 ip4:192.0.2.1"]}, "spf_no_end"),
        ({("shop.example", "TXT"): ["v=spf1 ip4:192.0.2.1 ?all"]}, "spf_no_end"),
        ({("shop.example", "TXT"): ["v=spf1 ip4:192.0.2.1 ptr -all"]}, "spf_ptr"),
        ({("shop.example", "TXT"): ["v=spf1 ip4:198.51.100.1 -all"]}, "spf_unsure"),
        ({("s1._domainkey.shop.example", "TXT"): [f"{RSA.record_value}; t=y:s"]}, "dkim_testing"),
        ({("shop.example", "MX"): []}, "replies_no_mx"),
    ],
)
def test_warning_is_given_when_it_could_be_better(zone, code, look):
    found = look(zone)

    assert codes(found, Level.PROBLEM) == set()
    assert codes(found, Level.WARNING) == {code}


def test_several_spf_records_are_made_one(look):
    found = look(
        {("shop.example", "TXT"): ["v=spf1 ip4:192.0.2.1 a -all", "v=spf1 include:b.example a ~all"]}
    )
    record = the(found, "spf_several").record

    assert record is not None
    assert (record.name, record.kind) == ("shop.example", "TXT")
    first, *words, last = record.value.split()
    assert (first, last) == ("v=spf1", "~all")
    assert sorted(words) == ["a", "include:b.example", "ip4:192.0.2.1"]


def test_address_is_added_to_spf_when_mail_leaves_from_it(look):
    found = look({}, addresses=("192.0.2.1", "198.51.100.9", "2001:db8::9"))
    one = the(found, "spf_not_named")

    assert one.level is Level.PROBLEM
    assert one.record is not None
    assert one.record.value == "v=spf1 ip4:198.51.100.9 ip6:2001:db8::9 ip4:192.0.2.1 -all"
    assert {finding.subject for finding in found if finding.topic is Topic.REVERSE} == {
        "192.0.2.1",
        "198.51.100.9",
        "2001:db8::9",
    }


def test_too_many_lookups_are_counted_out(look):
    zone = {(f"i{number}.example", "TXT"): ["v=spf1 ip4:192.0.2.1 -all"] for number in range(11)}
    includes = " ".join(f"include:i{number}.example" for number in range(11))
    found = look(zone | {("shop.example", "TXT"): [f"v=spf1 {includes} -all"]})

    assert "needs 11 look-ups" in the(found, "spf_lookups").message


# --- Keys and alignment -------------------------------------------------------------------------------------------------


def test_unsigned_mail_is_a_problem_unless_a_provider_may_sign(look):
    own = look(keys=())
    provided = look(keys=(), server=PROVIDER, zone={("shop.example", "TXT"): ["v=spf1 ip4:203.0.113.7 -all"]})

    assert the(own, "dkim_no_key").level is Level.PROBLEM
    assert the(own, "dmarc_spf_only").level is Level.WARNING
    assert codes(provided, Level.PROBLEM) == set()
    assert the(provided, "dkim_elsewhere").level is Level.WARNING
    assert "DKIM" in the(provided, "rules_gmail").message


def test_short_key_and_missing_rsa_key_are_warned_of(look):
    short = dkim.Key("s1", "shop.example", rsa.generate_private_key(public_exponent=65537, key_size=1024))
    found = look({("s1._domainkey.shop.example", "TXT"): [short.record_value]}, keys=(short,))

    assert codes(found, Level.WARNING) == {"dkim_short"}
    assert codes(look(keys=(ED25519,)), Level.WARNING) == {"dkim_no_rsa"}


def test_key_of_another_domain_signs_nothing(look):
    other = dkim.Key("s1", "other.example", RSA.private)

    assert "dkim_no_key" in codes(look(keys=(other,)), Level.PROBLEM)


@pytest.mark.parametrize(
    ("back", "dmarc", "expected", "level"),
    [
        ("b@bounces.shop.example", "v=DMARC1; p=none", "dmarc_ok", Level.OK),
        ("b@bounces.shop.example", "v=DMARC1; p=none; aspf=s", "dmarc_dkim_only", Level.WARNING),
        ("b@bounces.other.example", "v=DMARC1; p=none", "dmarc_dkim_only", Level.WARNING),
        ("b@bounces.shop.example", "v=DMARC1; p=none; adkim=s", "dmarc_spf_only", Level.WARNING),
        ("b@bounces.other.example", "v=DMARC1; p=none; adkim=s", "dmarc_not_aligned", Level.PROBLEM),
    ],
)
def test_alignment_follows_what_dmarc_asks(back, dmarc, expected, level, look):
    domain = back.partition("@")[2]
    found = look(
        {
            ("_dmarc.shop.example", "TXT"): [dmarc],
            ("_dmarc.other.example", "TXT"): ["v=DMARC1; p=none"],
            (domain, "TXT"): ["v=spf1 ip4:192.0.2.1 -all"],
            (domain, "MX"): ["10 mail.shop.example."],
            ("news.shop.example", "MX"): ["10 mail.shop.example."],
        },
        sender="hello@news.shop.example",
        back=back,
    )

    assert the(found, expected).level is level
    assert "spf_ok" in codes(found)
    assert the(found, "spf_ok").subject == domain
    assert the(found, "bounces_ok").subject == domain


def test_policy_for_subdomains_counts_below_the_domain(look):
    zone = {
        ("_dmarc.shop.example", "TXT"): ["v=DMARC1; p=none; sp=reject"],
        ("news.shop.example", "TXT"): ["v=spf1 ip4:192.0.2.1 -all"],
        ("news.shop.example", "MX"): ["10 mail.shop.example."],
    }

    assert "p=reject" in the(look(zone, sender="a@news.shop.example"), "dmarc_ok").message


def test_policy_of_a_whole_registry_is_nobodys(look):
    zone = {
        ("_dmarc.example", "TXT"): ["v=DMARC1; p=reject; psd=y"],
        ("_dmarc.shop.example", "TXT"): [],
    }

    assert "dmarc_missing" in codes(look(zone))


def test_bounces_are_a_problem_when_nothing_takes_them(look):
    found = look(back="b@bounces.shop.example")

    assert codes(found, Level.PROBLEM) >= {"spf_missing", "bounces_nowhere"}
    assert the(found, "spf_missing").subject == "bounces.shop.example"


def test_records_for_a_subdomain_follow_those_above_it(look):
    found = look(
        {("_dmarc.shop.example", "TXT"): []},
        sender="hello@news.shop.example",
        back="b@bounces.shop.example",
        addresses=("192.0.2.1",),
    )
    records = {one.code: one.record and (one.record.name, one.record.value) for one in found}

    assert records["spf_missing"] == ("bounces.shop.example", "v=spf1 redirect=shop.example")
    assert records["bounces_nowhere"] == ("bounces.shop.example", "10 mail.shop.example.")
    assert records["replies_nowhere"] == ("news.shop.example", "10 mail.shop.example.")
    assert records["dmarc_missing"] == (
        "_dmarc.shop.example",
        "v=DMARC1; p=none; rua=mailto:postmaster@shop.example",
    )


def test_what_several_senders_share_is_told_once(server):
    server.zone = {}
    found = checkup.look(
        [Sender(letters.mailbox(f"a@{one}shop.example")) for one in ("", "x.", "y.")],
        server=OWN,
        addresses=("192.0.2.1",),
        signer=dkim.Signer([RSA]),
        return_path=letters.mailbox("b@bounces.shop.example"),
        resolver=dns.Resolver(server="127.0.0.1", port=server.port, seconds=1),
    )
    topics = [one.topic for one in found]

    assert topics == sorted(topics, key=list(Topic).index)
    assert [topics.count(one) for one in (Topic.SPF, Topic.DKIM, Topic.DMARC, Topic.RULES)] == [1, 1, 3, 10]


# --- The way of mail ----------------------------------------------------------------------------------------------------


def test_server_that_is_missing_is_a_problem(look):
    found = look(server=None)

    assert "server_missing" in codes(found, Level.PROBLEM)
    assert "reverse_unknown" in codes(found, Level.WARNING)


@pytest.mark.parametrize(
    ("to", "code"),
    [
        (Server(host="mail.shop.example", port=25), "tls_missing"),
        (Server(host="mail.shop.example", port=465, implicit_tls=True), "tls_ok"),
        (LOCAL, "tls_inside"),
        (Server(host="postfix", port=25), "tls_inside"),
        (Server(host="::1", port=25), "tls_inside"),
        (Server(host="10.1.2.3", port=25), "tls_inside"),
    ],
)
def test_first_step_is_looked_at_for_tls(to, code, look):
    assert the(look(server=to), code).topic is Topic.TLS


def test_address_cannot_be_seen_when_the_server_is_inside(look):
    found = look(server=LOCAL)

    assert codes(found, Level.WARNING) == {"reverse_unknown", "spf_no_address"}
    assert "cannot" in the(found, "rules_gmail").message
    assert codes(look(server=LOCAL, addresses=("192.0.2.1",)), Level.WARNING) == set()


def test_addresses_of_a_provider_are_its_business(look):
    found = look(server=PROVIDER)
    bare = look({("shop.example", "TXT"): []}, server=PROVIDER)

    assert codes(found, Level.PROBLEM) == set()
    assert codes(found, Level.WARNING) == {"spf_no_address"}
    assert "reverse_provider" in codes(found)
    assert the(bare, "spf_missing").record is None
    assert "include" in the(bare, "spf_missing").message
    assert "reverse_ok" in codes(look(server=PROVIDER, addresses=("192.0.2.1",)))


def test_subdomain_is_advised_when_the_sender_is_the_shop_itself(look):
    assert the(look(host="www.shop.example"), "domain_shared").level is Level.WARNING
    assert "domain_shared" not in codes(look(host="shop.other.example"))


@pytest.mark.parametrize(
    ("result", "code", "level"),
    [
        (Result.ACCEPTED, "server_accepts", Level.OK),
        (Result.REFUSED_US, "server_refuses", Level.PROBLEM),
        (Result.UNREACHABLE, "server_unreachable", Level.PROBLEM),
        (Result.DEFERRED, "server_defers", Level.WARNING),
        (Result.FAILED, "server_defers", Level.WARNING),
    ],
)
def test_answer_of_the_mail_server_is_told(result, code, level, look):
    probe, asked = answering(Answer(result, "5.7.1", "100 % not you"))
    found = look(probe=probe)

    assert the(found, code).level is level
    assert asked == ["hello@shop.example"]
    assert "%(" not in the(found, code).message


def test_return_path_is_what_the_mail_server_is_asked_about(look):
    probe, asked = answering(Answer(Result.ACCEPTED, "250"))
    look(back="b@bounces.shop.example", probe=probe)

    assert asked == ["b@bounces.shop.example"]


def test_lookup_that_fails_is_told_and_stops_no_other(look, server):
    server.failing = {"_dmarc.shop.example"}
    server.silent = {"s1._domainkey.shop.example"}
    try:
        found = look()
    finally:
        server.failing = server.silent = set()
    failed = [one for one in found if one.code == "lookup_failed"]

    assert {(one.topic, one.subject) for one in failed} == {
        (Topic.DKIM, "s1._domainkey.shop.example"),
        (Topic.DMARC, "_dmarc.shop.example"),
    }
    assert {"spf_ok", "replies_ok"} <= codes(found)


def test_lookup_of_the_mail_server_that_fails_is_told(look, server):
    server.failing = {"mail.shop.example"}
    try:
        found = look()
    finally:
        server.failing = set()

    assert codes(found) == {"lookup_failed"}


def test_rules_name_what_is_missing_by_provider(look):
    found = look({("shop.example", "MX"): ["0 ."], ("1.2.0.192.in-addr.arpa", "PTR"): []})

    assert the(found, "rules_gmail").message.endswith("shop.example still misses Reverse name.")
    assert the(found, "rules_microsoft").message.endswith("shop.example still misses Replies.")


def test_findings_speak_the_language_of_their_reader(look):
    one = the(look({("s1._domainkey.shop.example", "TXT"): []}), "dkim_unpublished")
    with translation.override("de"):  # without words of its own: the message is made while it is read
        assert "s1._domainkey.shop.example" in one.message

    assert one.as_data() == {
        "code": "dkim_unpublished",
        "level": "problem",
        "topic": "dkim",
        "subject": "s1._domainkey.shop.example",
        "message": one.message,
        "record": {"name": "s1._domainkey.shop.example", "type": "TXT", "value": RSA.record_value},
    }


# --- The command --------------------------------------------------------------------------------------------------------


@pytest.fixture
def shop(db, server, settings, tmp_path):
    """Return a website whose sender is hello@shop.example, with everything published."""
    server.zone = dict(HEALTHY)
    file = tmp_path / "key.pem"
    file.write_bytes(pem(RSA.private))
    settings.GUESTLIST_DKIM = f"s1:shop.example:{file}"
    settings.GUESTLIST_DNS_SERVER = server.setting
    settings.GUESTLIST_RETURN_PATH = ""
    view = make.store_view()
    SenderIdentity.objects.update(address="hello@shop.example")
    return view.website


@pytest.fixture
def postbox(settings):
    handler = mailserver.MailServer()
    with mailserver.running(handler):
        settings.GUESTLIST_SMTP_URL = f"smtp://127.0.0.1:{handler.port}"
        yield handler


def test_command_says_that_all_is_well(shop, postbox, capsys):
    status = command.main(addresses=["192.0.2.1"])
    printed = capsys.readouterr().out

    assert status == 0
    assert "The mail server accepts hello@shop.example as a sender." in " ".join(printed.split())
    assert printed.endswith("problems: 0, warnings: 0\n")
    assert postbox.mails == []


def test_command_prints_the_record_whole_when_there_is_a_problem(shop, postbox, server, capsys):
    del server.zone["s1._domainkey.shop.example", "TXT"]
    status = command.main(addresses=["192.0.2.1"])
    lines = capsys.readouterr().out.splitlines()

    assert status == 1
    assert any(line.endswith(f"value  {RSA.record_value}") for line in lines)
    assert any(line.endswith("name   s1._domainkey.shop.example") for line in lines)


def test_command_counts_what_it_calls_a_problem(shop, postbox, server, capsys):
    del server.zone["s1._domainkey.shop.example", "TXT"]
    command.main(addresses=["192.0.2.1"])
    *lines, counted = capsys.readouterr().out.splitlines()

    shown = {level: sum(line.startswith(level) for line in lines) for level in ("problem", "warning")}
    assert shown["problem"] > 1
    assert counted == f"problems: {shown['problem']}, warnings: {shown['warning']}"


def test_command_tells_when_the_mail_server_refuses_the_sender(shop, postbox, capsys):
    postbox.answers = {"mail hello@shop.example": "550 5.7.1 not yours"}

    assert command.main(addresses=["192.0.2.1"]) == 1
    assert "5.7.1" in capsys.readouterr().out


def test_command_prints_json_for_programs(shop, postbox, capsys):
    command.main(addresses=["192.0.2.1"], as_json=True)
    printed = json.loads(capsys.readouterr().out)

    assert {"code", "level", "topic", "subject", "message", "record"} == set(printed["findings"][0])


def test_command_looks_at_one_website_when_it_is_named(shop, postbox, capsys):
    other = make.store_view()
    SenderIdentity.objects.filter(website=other.website).update(address="hello@other.example")

    assert command.main(website=other.website.code, addresses=["192.0.2.1"]) == 1
    printed = capsys.readouterr().out
    assert "hello@other.example" in printed
    assert "hello@shop.example" not in printed


def test_command_refuses_what_it_cannot_use(shop, settings, capsys):
    assert command.main(website="nowhere") == 2
    assert command.main(addresses=["mail.shop.example"]) == 2
    settings.GUESTLIST_DNS_SERVER = "ns.example"
    assert command.main() == 2
    assert capsys.readouterr().out == ""


def test_command_goes_on_when_a_setting_is_unusable(shop, settings, capsys):
    settings.GUESTLIST_DKIM = "s1:shop.example:/nowhere/key.pem"
    settings.GUESTLIST_SMTP_URL = "ftp://mail.shop.example"

    assert command.main(as_json=True) == 1
    found = json.loads(capsys.readouterr().out)["findings"]
    assert [one["subject"] for one in found[:2]] == ["GUESTLIST_SMTP_URL", "GUESTLIST_DKIM"]
    assert len(found) > 6


def test_command_looks_at_a_providers_api_in_the_place_of_a_server(shop, settings, capsys):
    settings.GUESTLIST_MAIL_API, settings.ANYMAIL = "postmark", {}
    settings.GUESTLIST_RETURN_PATH = "bounces@elsewhere.example"

    assert command.main(as_json=True) == 1
    found = {one["code"]: one for one in json.loads(capsys.readouterr().out)["findings"]}
    assert "POSTMARK_SERVER_TOKEN" in found["unusable_setting"]["message"]
    assert found["webhook_missing"]["level"] == "problem"
    assert (found["api_ok"]["level"], found["reverse_provider"]["subject"]) == ("ok", "postmark")
    assert "server_missing" not in found
    assert not [one for one in found.values() if "elsewhere" in one["subject"]]

    settings.GUESTLIST_MAIL_API, settings.ANYMAIL = "mailgun", {"MAILGUN_API_KEY": "key-7"}
    settings.GUESTLIST_MAIL_API_WEBHOOK_SECRET = "hook:0123456789abcdef"
    command.main(as_json=True)
    found = {one["code"]: one for one in json.loads(capsys.readouterr().out)["findings"]}
    assert not {"unusable_setting", "webhook_missing"} & set(found)


def test_command_goes_on_when_a_sender_is_unusable(shop, settings, capsys):
    SenderIdentity.objects.create(website=shop, code="sales", name="x", address='"a b"@shop.example')
    command.main(addresses=["192.0.2.1"])
    printed = " ".join(capsys.readouterr().out.split())

    assert "Mend this sender in the staff site." in printed
    assert "Gmail's rules for bulk mail: shop.example" in printed


def test_command_says_so_when_there_is_no_sender(db, settings, server, capsys):
    settings.GUESTLIST_DNS_SERVER = server.setting

    assert command.main() == 1
    line = next(one for one in capsys.readouterr().out.splitlines() if "no sender to look at" in one)
    assert line.split()[:2] == ["problem", "Senders"]
