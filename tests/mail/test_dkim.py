"""Signatures are judged by a verifier that knows nothing of ours."""

import base64
import contextlib
import datetime

import dkim as verifier
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from guestlist.mail import dkim, letters
from guestlist.mail.delivery import Delivery
from guestlist.mail.templates import Rendered
from guestlist.mail.transport import Server, SmtpTransport
from tests.mail import mailserver, outbox

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ED25519 = ed25519.Ed25519PrivateKey.generate()
BY_RSA = dkim.Key("s1", "shop.example", RSA)
BY_ED25519 = dkim.Key("s2", "shop.example", ED25519)
BOTH = dkim.Signer([BY_RSA, BY_ED25519])
PLAIN = (
    b"From: Linden & Loom <shop@shop.example>\r\nTo: Noor <noor@example.com>\r\n"
    b"Subject: You are invited\r\nDate: Sun, 03 May 2026 10:00:00 +0000\r\nMessage-ID: <1.ab@shop.example>\r\n"
    b"List-Unsubscribe: <https://shop.example/never/abc>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nFeedback-ID: 0:main:invitation:guestlist-general\r\n"
    b"\r\nCome in.\r\n"
)


def pem(key, *, form=serialization.PrivateFormat.PKCS8, password=None):
    protection = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, protection)


def verified(mail: bytes, *, keys=(BY_RSA, BY_ED25519), signatures: int = 2) -> list[bool]:
    """Return what the verifier says of each signature, asking a zone that publishes the keys."""
    zone = {f"{key.record_name}.".encode(): key.record_value.encode() for key in keys}
    judge = verifier.DKIM(mail, minkey=1024)
    return [judge.verify(idx=at, dnsfunc=lambda name, timeout: zone.get(name)) for at in range(signatures)]


def signature_of(mail: bytes, at: int = 0) -> dict[bytes, bytes]:
    head = mail.split(b"\r\n\r\n", 1)[0].replace(b"\r\n ", b" ")
    lines = [line for line in head.split(b"\r\n") if line.startswith(b"DKIM-Signature:")]
    parts = lines[at].partition(b":")[2].split(b";")
    return {name.strip(): value.strip() for name, _equals, value in (part.partition(b"=") for part in parts)}


def letter(subject: str = "You are invited", *, name: str = "Noor", text: str = "Come in.") -> bytes:
    mailbox = letters.mailbox("shop@shop.example", name="Linden & Loom")
    return letters.build(
        letters.Letter(
            sender=mailbox,
            recipient=letters.mailbox("noor@example.com", name=name),
            reply_to=mailbox,
            rendered=Rendered(subject, text, f"<p>{text}</p>"),
            language="en",
            date=datetime.datetime(2026, 5, 3, 10, 0, tzinfo=datetime.UTC),
            message_id="<1.ab@shop.example>",
            feedback_id="0:main:invitation:guestlist-general",
            opt_out_url="https://shop.example/never/" + "a" * 200,
        )
    ).as_bytes()


def test_both_keys_sign_when_two_are_configured_for_the_domain():
    mail = BOTH.signed(PLAIN, from_domain="shop.example")

    assert mail.endswith(PLAIN)
    assert [signature_of(mail, at)[b"a"] for at in (0, 1)] == [b"rsa-sha256", b"ed25519-sha256"]
    assert verified(mail) == [True, True]


@pytest.mark.parametrize(
    "mail",
    [
        letter(),
        letter("Een heel lange regel over niets " * 6),
        letter("Überraschung für Zoë: ✨ 招待"),
        letter(name='O\'Brien, "Bob" <nobody@example.org>'),
        letter(name="Ł" * 90),
        letter(text="  indented\t\ttabs   and spaces   \n.\n..\n\n\nlast   "),
        letter(text="a very long word " * 400),
    ],
    ids=["plain", "long", "encoded", "quoted", "long-encoded", "white-space", "many-lines"],
)
def test_signature_verifies_when_the_headers_are_those_of_our_mails(mail):
    assert verified(BOTH.signed(mail, from_domain="shop.example")) == [True, True]


@pytest.mark.parametrize(
    "headers",
    [
        b"From: a@shop.example\r\nSubject: one\r\n two\r\n\t three   four \t\r\n",
        b"from:  a@shop.example  \r\nSUBJECT:\tx\r\n",
        b"From: a@shop.example\r\nSubject:\r\nTo: \r\n \r\n",
        b"From: a@shop.example\r\nSubject: first\r\nSubject: second\r\nTo: x@example.com\r\nTo: y@example.com\r\n",
        b"From: a@shop.example\r\nX-From: nobody\r\nSubject: a:b:c; d=evil.example; b=\r\n",
        b"From: a@shop.example\r\nSubject: caf\xc3\xa9 \xff\r\n",
        b"From: a@shop.example\r\nSubject: " + b"x" * 900 + b"\r\n",
    ],
    ids=["folded", "spaced", "empty", "doubled", "tags", "raw-bytes", "long"],
)
def test_signature_verifies_when_headers_are_hostile(headers):
    assert verified(BOTH.signed(headers + b"\r\nbody\r\n", from_domain="shop.example")) == [True, True]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n",
        b"\r\n\r\n\r\n",
        b"text",
        b"text\r\n\r\n\r\n",
        b"  \t \r\n \r\n",
        b"a \t b\t\r\n\r\n c  \r\n \t\r\n\r\n",
        b"\r\n\r\nfirst",
        b" leading\r\n\ttab\r\n",
        b".\r\n..\r\n",
    ],
    ids=repr,
)
def test_signature_verifies_as_the_body_arrives_when_it_ends_oddly(body):
    head = b"From: a@shop.example\r\nSubject: x\r\n\r\n"
    mail = BOTH.signed(head + body, from_domain="shop.example")
    arrived = mail if mail.endswith(b"\r\n") else mail + b"\r\n"  # what the transport ends the content with

    assert verified(arrived) == [True, True]


def test_body_hash_is_that_of_nothing_when_the_body_is_empty():
    mail = BOTH.signed(b"From: a@shop.example\r\n\r\n", from_domain="shop.example")

    # RFC 6376, 3.4.4.
    assert signature_of(mail)[b"bh"] == b"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


_words = st.text(st.sampled_from(" \tab.=;:é\r\n"), max_size=40)


@given(
    body=_words,
    subject=st.text(st.sampled_from(" \tab;=:"), max_size=30),
    folds=st.lists(st.sampled_from([" ", "\t", "  \t", " x", "\ty "]), max_size=4),
)
def test_signature_verifies_whatever_white_space_there_is(body, subject, folds):
    lines = body.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    value = "\r\n".join([f" {subject}", *folds])
    content = f"From: a@shop.example\r\nSubject:{value}\r\nX-Last: 1\r\n\r\n" + "\r\n".join(lines) + "\r\n"

    assert verified(BOTH.signed(content.encode(), from_domain="shop.example")) == [True, True]


@pytest.mark.parametrize("name", ["From", "Subject", "Reply-To", "Cc", "Content-Type"])
def test_signature_breaks_when_a_second_header_is_added_above(name):
    mail = BOTH.signed(PLAIN, from_domain="shop.example")

    assert verified(f"{name}: evil@evil.example\r\n".encode() + mail) == [False, False]


@pytest.mark.parametrize("name", [b"From", b"To", b"Subject", b"List-Unsubscribe", b"List-Unsubscribe-Post"])
def test_signature_breaks_when_a_signed_header_is_changed(name):
    mail = BOTH.signed(PLAIN, from_domain="shop.example")

    assert verified(mail.replace(name + b": ", name + b": x")) == [False, False]


def test_signature_holds_when_a_relay_adds_headers_and_folds_anew():
    mail = BOTH.signed(PLAIN, from_domain="shop.example")
    relayed = b"Received: from x by y\r\nFeedback-ID: theirs\r\n" + mail.replace(b"You are", b"You\r\n\t are")

    assert verified(relayed) == [True, True]


def test_lines_of_the_signature_are_short_when_names_are_usual():
    mail = BOTH.signed(letter(), from_domain="shop.example")
    added = mail[: -len(letter())]

    assert all(len(line) <= 100 for line in added.split(b"\r\n"))


def test_mail_is_unchanged_when_no_key_is_aligned():
    for domain in ("other.example", "notshop.example", "example", "shop.example.evil.example", ""):
        assert BOTH.signed(PLAIN, from_domain=domain) is PLAIN
        assert BOTH.aligned(domain) == ()


def test_nearest_domain_signs_when_several_are_above():
    near = dkim.Key("near", "news.shop.example", ED25519)
    signer = dkim.Signer([BY_RSA, near])

    assert signer.aligned("News.Shop.Example") == (near,)
    assert signer.aligned("mail.news.shop.example") == (near,)
    assert signer.aligned("shop.example") == signer.aligned("other.shop.example") == (BY_RSA,)


def test_same_mail_gets_the_same_signature_when_it_is_signed_again():
    assert BOTH.signed(PLAIN, from_domain="shop.example") == BOTH.signed(PLAIN, from_domain="shop.example")


def test_mail_that_ends_after_its_headers_is_signed_as_empty():
    mail = BOTH.signed(b"From: a@shop.example\r\n\r\n", from_domain="shop.example")

    assert verified(mail) == [True, True]


# --- Configuration -------------------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path):
    return tmp_path / "key.pem"


@pytest.mark.parametrize(
    ("key", "form"),
    [
        (RSA, serialization.PrivateFormat.PKCS8),
        (RSA, serialization.PrivateFormat.TraditionalOpenSSL),
        (ED25519, serialization.PrivateFormat.PKCS8),
    ],
    ids=["rsa-pkcs8", "rsa-pkcs1", "ed25519"],
)
def test_signer_is_made_when_the_environment_names_a_key(key, form, file, settings):
    file.write_bytes(pem(key, form=form))
    settings.GUESTLIST_DKIM = f" Guestlist1 : Shöp.Example. : {file} ".replace(" : ", ":")
    signer = dkim.configured()

    assert signer is not None
    mail = signer.signed(PLAIN, from_domain="xn--shp-tna.example")
    assert signature_of(mail)[b"s"] == b"guestlist1"
    assert verified(mail, keys=signer.keys, signatures=1) == [True]


def test_there_is_no_signer_when_no_key_is_named(settings):
    settings.GUESTLIST_DKIM = ""

    assert dkim.configured() is None


def test_record_has_the_public_key_as_verifiers_want_it():
    assert BY_RSA.record_name == "s1._domainkey.shop.example"
    assert BY_RSA.record_value.startswith("v=DKIM1; k=rsa; p=MIIB")
    assert len(base64.b64decode(BY_ED25519.record_value.partition("p=")[2])) == 32


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        (b"", "holds no private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "holds no private key"),
        (pem(RSA, password=b"secret"), "is encrypted"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "kind that DKIM does not know"),
        (
            RSA.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            ),
            "holds no private key",
        ),
    ],
    ids=["missing", "empty", "broken", "encrypted", "elliptic", "public"],
)
def test_key_is_refused_with_what_to_do_when_it_cannot_be_used(content, words, file):
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(ImproperlyConfigured, match=words) as refused:
        dkim.parse(f"s1:shop.example:{file}")
    assert str(file) in str(refused.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("s1", "must be selector:domain"),
        ("s1:shop.example", "must be selector:domain"),
        ("s1:shop.example:", "must be selector:domain"),
        (":shop.example:/k", "is no selector"),
        ("s 1:shop.example:/k", "is no selector"),
        ("s1\r\nX: y:shop.example:/k", "is no selector"),
        ("s1::/k", "needs the domain"),
        ("s1:localhost:/k", "needs the domain"),
        ("s1:sh op.example:/k", "needs the domain"),
    ],
)
def test_entry_is_refused_when_it_cannot_be_read(text, words):
    with pytest.raises(ImproperlyConfigured, match=words):
        dkim.parse(text)


@pytest.mark.requirement("trust-26")
@pytest.mark.parametrize("before", ["", "s1:shop.example:"])
def test_a_key_in_the_place_of_its_file_is_refused_without_being_shown(before):
    with pytest.raises(ImproperlyConfigured, match="not hold the key") as refused:
        dkim.parse(before + pem(RSA).decode())

    assert "MII" not in str(refused.value)


def test_entry_is_refused_when_two_keys_share_a_selector(file):
    file.write_bytes(pem(RSA))

    with pytest.raises(ImproperlyConfigured, match="selector of its own"):
        dkim.parse(f"s1:shop.example:{file},s1:SHOP.example:{file}")


def _tiny_key() -> rsa.RSAPrivateKey:
    """Return a key of 768 bits from two known primes; nobody makes so short a one any more."""
    p = int(
        "DD934FCE5A7A1FA40FCA90E74A9160ECA94BE27533D8EEB958F1AD888B41B9356D805415C9938748F4E82839681C7771", 16
    )
    q = int(
        "FB436275734E4D47C8D71EFBE06313DDB42F95E6F72D96A2299876A22A6018483542229DFDB4587064F756DE338E032F", 16
    )
    e = 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=d % (p - 1),
        dmq1=d % (q - 1),
        iqmp=pow(q, -1, p),
        public_numbers=rsa.RSAPublicNumbers(e, p * q),
    )
    return numbers.private_key()


def test_short_key_is_used_with_a_warning_and_a_shorter_one_refused(file, caplog):
    file.write_bytes(pem(rsa.generate_private_key(public_exponent=65537, key_size=1024)))
    (key,) = dkim.parse(f"s1:shop.example:{file}")
    mail = dkim.Signer([key]).signed(PLAIN, from_domain="shop.example")

    assert verified(mail, keys=[key], signatures=1) == [True]
    assert "1024 bits only" in caplog.text

    file.write_bytes(pem(_tiny_key()))
    with pytest.raises(ImproperlyConfigured, match="768 bits"):
        dkim.parse(f"s1:shop.example:{file}")


# --- On the way ----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_signature_verifies_when_the_mail_arrives():
    shop = outbox.make_shop()
    friends = outbox.Friends(
        changed={
            2: {"message": ".\n..\n. dots\n\n\n  and\t spaces  \n" + "long " * 300},
            3: {"message": "Zoë ✨ 招待 = =3D", "inviter_name": "Łukasz " * 8},
        }
    )
    outbox.queue(shop, range(1, 4))
    handler = mailserver.MailServer()
    with (
        mailserver.running(handler),
        contextlib.closing(
            SmtpTransport(Server(host="127.0.0.1", port=handler.port, timeout=10))
        ) as transport,
    ):
        Delivery(
            kinds=[friends],
            transport=transport,
            worker="one",
            clock=lambda: outbox.NOW,
            batch_size=lambda _website: 10,
            signer=BOTH,
        ).run()

    arrived = [envelope.content for envelope, _mail in handler.mails if isinstance(envelope.content, bytes)]
    assert [verified(content) for content in arrived] == [[True, True]] * 3
