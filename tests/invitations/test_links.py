"""Links: who can open them, what ends them, and that there is one spelling of each."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestlist.invitations import links
from guestlist.invitations.models import Channel, Invitation
from tests import make

ONE = Invitation(pk=4711, website_id=3, link_generation=2, address_hash=b"h" * 16)
OTHER = Invitation(pk=4712, website_id=3, address_hash=b"h" * 16)


class Rows:
    """Stands for the table, so that a token can be mangled in every way without asking a database each time."""

    def __init__(self, *invitations: Invitation) -> None:
        self.invitations = {one.pk: one for one in invitations}
        self.asked: list[int] = []

    def filter(self, *, pk: int):
        self.asked.append(pk)
        return self

    def first(self) -> Invitation | None:
        return self.invitations.get(self.asked[-1])


def opened(text: str) -> links.Link | None:
    return links.open_token(text, Rows(ONE, OTHER))  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def keys(settings) -> None:
    settings.GUESTLIST_LINK_KEYS = {1: b"1" * 32, 2: b"2" * 32}


@pytest.mark.parametrize("channel", Channel)
@pytest.mark.requirement("trust-7")
def test_link_opens_with_its_channel_when_the_token_is_ours(channel: Channel) -> None:
    link = opened(links.token(ONE, channel))

    assert link is not None
    assert (link.invitation, link.channel) == (ONE, channel)
    assert link.proves_mailbox is (channel == Channel.MAIL)


@pytest.mark.requirement("trust-1")
def test_link_has_a_signature_of_128_bits_when_it_is_made() -> None:
    raw = base64.urlsafe_b64decode(links.token(ONE, Channel.MAIL))

    assert len(raw) == 11 + 16
    assert raw[11:] != base64.urlsafe_b64decode(links.token(OTHER, Channel.MAIL))[11:]


@pytest.mark.requirement("trust-1")
def test_link_is_refused_when_any_bit_of_it_was_changed() -> None:
    raw = base64.urlsafe_b64decode(links.token(ONE, Channel.MAIL))

    for position in range(len(raw) * 8):
        mangled = bytearray(raw)
        mangled[position // 8] ^= 1 << position % 8
        assert opened(base64.urlsafe_b64encode(mangled).decode().rstrip("=")) is None


@pytest.mark.requirement("trust-3")
def test_link_is_refused_when_any_character_of_it_was_changed() -> None:
    token = links.token(ONE, Channel.MAIL)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/= é.\x00\n"

    for position, character in enumerate(token):
        for other in alphabet.replace(character, ""):
            assert opened(token[:position] + other + token[position + 1 :]) is None
        assert opened(token[:position] + token[position + 1 :]) is None
        assert opened(token[:position]) is None


@pytest.mark.requirement("trust-3")
@pytest.mark.parametrize(
    "text", ["", " ", "=", "preview", "A" * 35, "A" * 36, "A" * 37, "A" * 70_000, "\ud800"]
)
def test_link_is_refused_when_the_token_is_empty_or_made_up(text: str) -> None:
    assert opened(text) is None
    assert links.open_opt_out(text) is None


@given(
    st.text() | st.binary(min_size=20, max_size=70).map(lambda raw: base64.urlsafe_b64encode(raw).decode())
)
@pytest.mark.requirement("trust-1")
def test_nothing_opens_when_the_token_is_whatever(text: str) -> None:
    assert links.open_token(text, Rows(ONE)) is None  # type: ignore[arg-type]
    assert links.open_opt_out(text) is None


@given(st.data())
def test_link_has_one_spelling_when_it_is_written_otherwise(data: st.DataObject) -> None:
    for text, opener in (
        (links.token(ONE, Channel.SHARED), opened),
        (make.opt_out_token(ONE), links.open_opt_out),
    ):
        before = data.draw(st.sampled_from(["", " ", "\n", "="]))
        after = data.draw(st.sampled_from(["", " ", "\n", "=", "==", "A", "AAAA", "\x00"]))
        spelled = before + text + after
        assert (opener(spelled) is not None) == (spelled == text)


@pytest.mark.requirement("trust-1")
def test_old_links_live_when_keys_rotate(settings) -> None:
    old = links.token(ONE, Channel.MAIL)

    settings.GUESTLIST_LINK_KEYS = {2: b"2" * 32, 3: b"3" * 32}
    new = links.token(ONE, Channel.MAIL)

    assert old != new
    assert opened(old) is not None
    assert opened(new) is not None

    settings.GUESTLIST_LINK_KEYS = {3: b"3" * 32}

    assert opened(old) is None
    assert opened(new) is not None


@pytest.mark.requirement("trust-1")
def test_link_is_refused_when_another_installation_signed_it(settings) -> None:
    token = links.token(ONE, Channel.MAIL)

    settings.GUESTLIST_LINK_KEYS = {1: b"1" * 32, 2: b"x" * 32}

    assert opened(token) is None


def test_earlier_links_end_when_the_generation_is_raised() -> None:
    earlier = Invitation(pk=ONE.pk, website_id=3, link_generation=1, address_hash=b"h" * 16)

    assert opened(links.token(earlier, Channel.MAIL)) is None
    assert opened(links.token(ONE, Channel.MAIL)) is not None


def test_link_is_refused_when_its_invitation_is_gone() -> None:
    gone = Invitation(pk=9999, website_id=3)

    assert opened(links.token(gone, Channel.MAIL)) is None


@pytest.mark.django_db
def test_link_opens_a_row_when_the_invitation_is_stored() -> None:
    one = make.invitation()

    assert make.link(one).invitation == one
    assert links.open_token(links.token(one, Channel.MAIL), Invitation.objects.none()) is None


# --- The link to decline and to be left alone ---------------------------------------------------------------------------


@pytest.mark.requirement("trust-17")
def test_opt_out_says_who_and_where_when_keys_rotated_and_the_invitation_is_gone(settings) -> None:
    token = make.opt_out_token(ONE)

    settings.GUESTLIST_LINK_KEYS = {9: b"9" * 32}
    said = links.open_opt_out(token)

    assert said is not None
    assert (said.website_id, said.invitation_id) == (3, 4711)
    assert bytes(said.address_hash) == ONE.address_hash


@pytest.mark.requirement("trust-17")
def test_opt_out_is_refused_when_any_bit_of_it_was_changed(settings) -> None:
    token = make.opt_out_token(ONE)
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))

    for position in range(len(raw) * 8):
        mangled = bytearray(raw)
        mangled[position // 8] ^= 1 << position % 8
        assert links.open_opt_out(base64.urlsafe_b64encode(mangled).decode().rstrip("=")) is None

    settings.GUESTLIST_ADDRESS_KEY = b"another"
    assert links.open_opt_out(token) is None


def test_one_kind_of_link_is_not_the_other() -> None:
    assert links.open_opt_out(links.token(ONE, Channel.MAIL)) is None
    assert opened(make.opt_out_token(ONE)) is None
