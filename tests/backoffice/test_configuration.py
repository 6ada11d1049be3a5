"""The configuration page: every option at every scope, saved all or nothing."""

import re

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.html import strip_tags

from guestlist.invitations import rules
from guestlist.invitations.config import Invitations
from guestlist.mail.config import Delivery
from guestlist.stores import config
from guestlist.stores.config import Scope
from guestlist.stores.models import OptionChange, Override
from tests import make

_ADDRESS = "/staff/configuration/invitations/"
_NEW = {
    "enabled": ("false", False),
    "storefront": ("false", False),
    "who_may_invite": ("nobody", "nobody"),
    "referred_group": ("default", "default"),
    "registration": ("invitation", "invitation"),
    "custom_message": ("false", False),
    "max_at_once": ("12", 12),
    "links_in_message": ("allow", "allow"),
    "registration_address": ("any", "any"),
    "lifetime_days": ("0", 0),
    "customer_resends": ("3", 3),
    "existing_account": ("sign_in", "sign_in"),
    "credit": ("first", "first"),
    "sender": ("sales", "sales"),
    "batch_size": ("50", 50),
}
_OPTIONS = [name for name in Invitations.model_fields if name in _NEW]


def place_of(scope: Scope, view) -> tuple[str, config.Place]:
    if scope == Scope.DEFAULT:
        return _ADDRESS, config.DEFAULT
    if scope == Scope.WEBSITE:
        return f"{_ADDRESS}?website={view.website_id}", config.at(view.website)
    return f"{_ADDRESS}?store_view={view.pk}", config.at(view)


def value_at(place: config.Place, name: str):
    return getattr(config.resolve(Invitations, place).value, name)


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("name", _OPTIONS)
def test_option_is_set_where_it_may_be_and_taken_back(owner, view, name, scope) -> None:
    entered, expected = _NEW[name]
    address, place = place_of(scope, view)
    earlier = value_at(place, name)
    may_be = scope <= config.about(Invitations.model_fields[name]).narrowest
    owner.post(address, {f"value_{name}": entered})
    assert value_at(place, name) == (expected if may_be else earlier)
    assert Override.objects.count() == (1 if may_be else 0)
    page = owner.get(address).content.decode()
    assert (f'name="value_{name}"' in page) is may_be
    owner.post(address, {f"has_{name}": "1", f"inherit_{name}": "on", "opens": "1"})
    assert value_at(place, name) == earlier
    assert not Override.objects.exists()


def test_every_option_is_on_the_page(owner, view) -> None:
    page = owner.get(_ADDRESS).content.decode()
    for name in Invitations.model_fields:
        assert f'name="has_{name}"' in page


def test_groups_are_ticked_and_none_is_possible(owner, view) -> None:
    vip, retailer = make.group("vip"), make.group("retailer")
    owner.post(
        _ADDRESS, {"has_inviting_groups": "1", "value_inviting_groups": [str(vip.pk), str(retailer.pk)]}
    )
    assert value_at(config.DEFAULT, "inviting_groups") == (vip.pk, retailer.pk)
    owner.post(_ADDRESS, {"has_inviting_groups": "1"})
    assert value_at(config.DEFAULT, "inviting_groups") == ()


def test_template_is_chosen_among_those_that_there_are(owner, view) -> None:
    page = owner.get(_ADDRESS).content.decode()
    assert '<option value="invitation" selected>Customer invitation</option>' in page


@pytest.mark.parametrize("entered", ["0", "101", "-1", "many", "", "1e3", "9" * 30, "٣"])
def test_refused_value_stays_in_the_form_and_nothing_is_saved(owner, view, entered) -> None:
    answer = owner.post(_ADDRESS, {"value_max_at_once": entered, "value_sender": "sales"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "The earlier value was kept." in page
    assert f'value="{entered}"' in page
    assert "Nothing was saved." in page
    assert not Override.objects.exists()


def test_refused_choice_is_said(owner, view) -> None:
    answer = owner.post(_ADDRESS, {"value_registration": "everyone"})
    assert "choose one of the values offered" in answer.content.decode()
    assert not Override.objects.exists()


@pytest.mark.parametrize(
    ("option", "entered"),
    [
        *(("inviting_groups", text) for text in ("²", "٣", "9" * 30, "9" * 5_000, "x", "999999")),
        *(("template", text) for text in ("reset_password", "gone", "\x00", "")),
    ],
)
def test_group_or_template_that_there_is_none_of_is_refused(owner, view, option, entered) -> None:
    answer = owner.post(_ADDRESS, {f"has_{option}": "1", f"value_{option}": [entered]})
    assert answer.status_code == 422
    assert "choose one of the values offered." in answer.content.decode()
    assert not Override.objects.exists()


def test_unchanged_values_write_nothing(owner, view) -> None:
    data = {f"inherit_{name}": "on" for name in Invitations.model_fields}
    answer = owner.post(_ADDRESS, data, follow=True)
    assert "Nothing was changed." in answer.content.decode()
    owner.post(_ADDRESS, {"value_max_at_once": "7"})
    before = Override.objects.get().changed_at
    owner.post(_ADDRESS, {"value_max_at_once": "7"})
    assert Override.objects.get().changed_at == before


def test_inherited_value_is_shown_beside_the_field(owner, view) -> None:
    make.configure("max_at_once", 9)
    make.configure("max_at_once", 8, view.website)
    assert "Use the built-in value (5)" in owner.get(_ADDRESS).content.decode()
    website = owner.get(f"{_ADDRESS}?website={view.website_id}").content.decode()
    assert "Use default (9)" in website
    assert "Use website (8)" in owner.get(f"{_ADDRESS}?store_view={view.pk}").content.decode()


def test_change_of_one_store_view_counts_there_only(owner, view) -> None:
    sister = make.store_view(view.website)
    owner.post(f"{_ADDRESS}?store_view={view.pk}", {"value_max_at_once": "3"})
    assert value_at(config.at(view), "max_at_once") == 3
    assert value_at(config.at(sister), "max_at_once") == 5


def test_locked_option_is_grey_with_its_reason_and_not_saved(owner, view, settings) -> None:
    make.configure("max_at_once", 9)
    settings.GUESTLIST_LOCKS = "invitations.max_at_once=4"
    page = owner.get(_ADDRESS).content.decode()
    assert "set by the operator" in page
    assert 'name="value_max_at_once"' not in page
    owner.post(_ADDRESS, {"value_max_at_once": "20"})
    settings.GUESTLIST_LOCKS = ""
    assert value_at(config.DEFAULT, "max_at_once") == 9


def _is_open(view) -> bool:
    return rules.registration_is_open(config.resolve(Invitations, config.at(view)).value)


@pytest.mark.parametrize(
    "change",
    [
        {"value_registration": "open"},
        {"has_registration": "1", "inherit_registration": "on"},
        {"value_storefront": "false"},
        {"value_enabled": "false"},
    ],
)
def test_opening_registration_is_asked_first(owner, view, change) -> None:
    make.configure("registration", "invitation")
    answer = owner.post(_ADDRESS, change | {"value_max_at_once": "7"})
    page = answer.content.decode()
    assert "From now on anyone can register at Linden." in page
    assert not _is_open(view)
    assert value_at(config.DEFAULT, "max_at_once") == 5
    for name, value in change.items():
        assert f'name="{name}" value="{value}"' in page
    owner.post(_ADDRESS, change | {"value_max_at_once": "7", "opens": "1"})
    assert _is_open(view)
    assert value_at(config.DEFAULT, "max_at_once") == 7


def test_closing_registration_is_not_asked(owner, view) -> None:
    owner.post(_ADDRESS, {"value_registration": "invitation"})
    assert not _is_open(view)


def test_differing_registration_within_a_website_warns(owner, view) -> None:
    make.store_view(view.website)
    assert "share their accounts" not in owner.get(_ADDRESS).content.decode()
    make.configure("registration", "invitation", view)
    assert "share their accounts" in owner.get(_ADDRESS).content.decode()


@pytest.mark.requirement("trust-16")
def test_manager_of_one_website_sets_that_one_alone(manager, view, other_view) -> None:
    assert manager.get(_ADDRESS)["Location"] == f"{_ADDRESS}?website={view.website_id}"
    assert "Attic" not in manager.get(f"{_ADDRESS}?website={view.website_id}").content.decode()
    manager.post(f"{_ADDRESS}?website={view.website_id}", {"value_max_at_once": "3"})
    assert value_at(config.at(view), "max_at_once") == 3
    for address in (f"{_ADDRESS}?website={other_view.website_id}", f"{_ADDRESS}?store_view={other_view.pk}"):
        assert manager.post(address, {"value_max_at_once": "2"}).status_code == 404
    assert manager.post(f"{_ADDRESS}?x=1", {"value_max_at_once": "2"}).status_code == 403
    assert manager.post(_ADDRESS, {"value_max_at_once": "2"}).status_code == 403
    assert Override.objects.count() == 1


@pytest.mark.parametrize("query", ["?website=x", "?store_view=999", "?website=1&store_view=999"])
def test_unknown_scope_is_not_found(owner, view, query) -> None:
    assert owner.get(_ADDRESS + query).status_code == 404


def test_anonymous_is_asked_to_sign_in_before_anything_is_saved(client, view) -> None:
    assert client.post(_ADDRESS, {"value_max_at_once": "2"}).status_code == 302
    assert not Override.objects.exists()


def changes_on(client, address: str) -> str:
    """Return the part of the page that tells who changed what, without its marks."""
    page = client.get(address).content.decode()
    return " ".join(strip_tags(page.partition('id="changes"')[2].partition("</section>")[0]).split())


def test_page_tells_who_changed_what_from_what_to_what_and_where(owner, view) -> None:
    vip = make.group("vip")
    owner.post(_ADDRESS, {"has_inviting_groups": "1", "value_inviting_groups": str(vip.pk)})
    here = f"{_ADDRESS}?store_view={view.pk}"
    owner.post(here, {"value_max_at_once": "7", "value_custom_message": "false"})
    owner.post(here, {"has_max_at_once": "1", "inherit_max_at_once": "on"})
    make.configure("max_at_once", 9)

    told = changes_on(owner, _ADDRESS)

    for line in (
        "sent at one time Linden & Loom (English) 7 →became as the website",
        "sent at one time Linden & Loom (English) as the website →became 7",
        "add a custom message Linden & Loom (English) as the website →became No",
        "Groups that may invite Default built-in value →became Vip",
        "sent at one time Default built-in value →became 9",
    ):
        assert line in told.replace("&amp;", "&"), told
    assert told.count("Emma Clarke") == 4
    assert told.count("System") == 1
    assert "Default" not in changes_on(owner, here)
    assert "Nothing was changed here yet." in changes_on(owner, f"{_DELIVERY}?store_view={view.pk}")


@pytest.mark.requirement("trust-16")
def test_manager_of_one_website_reads_of_its_changes_alone(manager, view, other_view) -> None:
    for place in (None, other_view.website, other_view, view.website, view):
        make.configure("max_at_once", 9, place)
    assert changes_on(manager, f"{_ADDRESS}?website={view.website_id}").count("→") == 2


def test_changes_are_read_page_by_page_in_as_many_queries(owner, view) -> None:
    def asked(address: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            owner.get(address)
        return len(queries)

    here = f"{_ADDRESS}?store_view={view.pk}"
    make.configure("max_at_once", 1, view)
    few = asked(here)
    for number in range(2, 26):
        make.configure("max_at_once", number, view)
    assert asked(here) == few
    first = owner.get(here).content.decode()
    older = re.search(r'href="(/staff/configuration[^"]*after=\d+)#changes"', first)
    assert older
    second = changes_on(owner, older[1].replace("&amp;", "&"))
    assert "14 →became 15" in second
    assert "Newer" in second
    assert "Older" in second
    assert f'action="{here}"' in owner.get(older[1].replace("&amp;", "&")).content.decode()


def test_nothing_is_written_down_when_nothing_is_saved(owner, view) -> None:
    owner.post(_ADDRESS, {"value_max_at_once": "7", "value_registration": "everyone"})
    make.configure("registration", "invitation")
    owner.post(_ADDRESS, {"value_max_at_once": "7", "value_registration": "open"})
    assert OptionChange.objects.count() == 1


_DELIVERY = "/staff/configuration/delivery/"
_NEW_DELIVERY = {
    "send_from": ("9", 9),
    "send_until": ("17", 17),
    "late_after_hours": ("48", 48),
    "in_doubt": ("hold", "hold"),
    "all_per_second": ("50", 50),
    "all_per_day": ("100000", 100_000),
    "domain_per_second": ("5", 5),
    "domain_per_day": ("2000", 2000),
}


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("name", Delivery.model_fields)
def test_option_of_delivery_is_set_where_it_may_be_and_taken_back(owner, view, name, scope) -> None:
    entered, expected = _NEW_DELIVERY[name]
    address, place = place_of(scope, view)
    address = address.replace(_ADDRESS, _DELIVERY)
    earlier = getattr(config.resolve(Delivery, place).value, name)
    may_be = scope <= config.about(Delivery.model_fields[name]).narrowest

    owner.post(address, {f"value_{name}": entered})

    assert getattr(config.resolve(Delivery, place).value, name) == (expected if may_be else earlier)
    assert (f'name="value_{name}"' in owner.get(address).content.decode()) is may_be
    owner.post(address, {f"has_{name}": "1", f"inherit_{name}": "on"})
    assert getattr(config.resolve(Delivery, place).value, name) == earlier
    assert not Override.objects.exists()


def test_pages_of_both_sections_lead_to_each_other_at_the_same_scope(owner, view) -> None:
    for address, other in ((_ADDRESS, _DELIVERY), (_DELIVERY, _ADDRESS)):
        page = owner.get(f"{address}?store_view={view.pk}").content.decode()
        assert f'href="{other}?store_view={view.pk}"' in page
        assert f'action="{address}?store_view={view.pk}"' in page
        assert f'href="{address}?website={view.website_id}"' in page
        for name in (Invitations if address == _ADDRESS else Delivery).model_fields:
            assert f"value_{name}" in page or f"label_{name}" in page


def test_options_of_one_section_are_not_set_by_the_page_of_another(owner, view) -> None:
    owner.post(_DELIVERY, {"value_max_at_once": "7"})
    owner.post(_ADDRESS, {"value_send_from": "7"})

    assert not Override.objects.exists()


@pytest.mark.parametrize("entered", ["-1", "24", "noon", ""])
def test_refused_value_of_delivery_is_said_at_its_field(owner, view, entered) -> None:
    answer = owner.post(_DELIVERY, {"value_send_from": entered})

    assert answer.status_code == 422
    assert "enter a whole number from 0 to 23." in answer.content.decode()
    assert not Override.objects.exists()


def test_locked_option_of_delivery_is_grey_and_not_saved(owner, view, settings) -> None:
    settings.GUESTLIST_LOCKS = "delivery.in_doubt=hold; delivery.all_per_second=10"
    config.check_locks()
    page = owner.get(_DELIVERY).content.decode()

    owner.post(_DELIVERY, {"value_in_doubt": "resend", "value_all_per_second": "99"})

    assert page.count("set by the operator") == 2
    assert 'name="value_in_doubt"' not in page
    assert not Override.objects.exists()


@pytest.mark.parametrize("locks", ["delivery.nothing=1", "delivery.send_from=25", "deliver.in_doubt=hold"])
def test_start_is_refused_when_a_lock_of_delivery_does_not_fit(settings, locks: str) -> None:
    settings.GUESTLIST_LOCKS = locks

    with pytest.raises(ImproperlyConfigured, match="GUESTLIST_LOCKS"):
        config.check_locks()


@pytest.mark.requirement("trust-16")
def test_manager_of_one_website_sets_its_delivery_alone(manager, marketing, view, other_view) -> None:
    assert manager.get(_DELIVERY)["Location"] == f"{_DELIVERY}?website={view.website_id}"
    here = f"{_DELIVERY}?website={view.website_id}"
    refused = manager.post(here, {"value_send_from": "9", "value_all_per_day": "1"})

    assert refused.status_code == 422
    assert "cannot be set for a single website. Set it at a wider scope." in refused.content.decode()
    assert 'value="9"' in refused.content.decode()
    assert not Override.objects.exists()
    manager.post(here, {"value_send_from": "9"})
    assert Override.objects.get().option == "send_from"
    assert manager.post(f"{_DELIVERY}?website={other_view.website_id}", {}).status_code == 404
    assert marketing.get(_DELIVERY).status_code == 403


def test_page_of_delivery_asks_as_often_however_many_store_views_there_are(owner, view) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            owner.get(_DELIVERY)
        return len(queries)

    few = count()
    for _ in range(20):
        make.store_view(view.website)
    assert count() == few
