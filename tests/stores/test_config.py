"""Configuration: every option at every scope, what is inherited, what locks do, and what is refused."""

import datetime
import itertools
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test.utils import CaptureQueriesContext

from guestlist.invitations.config import Invitations
from guestlist.refusal import Refusal
from guestlist.stores import actions as stores
from guestlist.stores import config
from guestlist.stores.actors import SYSTEM, NotPermitted
from guestlist.stores.config import InvalidValue, OptionLocked, Scope, ScopeTooNarrow, UnknownOption
from guestlist.stores.models import OptionChange, Override, StoreView
from tests import make

pytestmark = pytest.mark.django_db

SCOPES = {
    "enabled": Scope.DEFAULT,
    "storefront": Scope.WEBSITE,
    "who_may_invite": Scope.WEBSITE,
    "inviting_groups": Scope.WEBSITE,
    "referred_group": Scope.STORE_VIEW,
    "registration": Scope.STORE_VIEW,
    "custom_message": Scope.STORE_VIEW,
    "max_at_once": Scope.STORE_VIEW,
    "links_in_message": Scope.STORE_VIEW,
    "registration_address": Scope.STORE_VIEW,
    "lifetime_days": Scope.STORE_VIEW,
    "customer_resends": Scope.STORE_VIEW,
    "existing_account": Scope.STORE_VIEW,
    "credit": Scope.WEBSITE,
    "sender": Scope.STORE_VIEW,
    "template": Scope.STORE_VIEW,
    "batch_size": Scope.WEBSITE,
}
"""The narrowest scope of each option, as the specification's table has it."""

VALUES: dict[str, tuple[Any, Any, Any]] = {
    "enabled": (False, True, False),
    "storefront": (False, True, False),
    "who_may_invite": ("nobody", "groups", "all"),
    "inviting_groups": ([1], [1, 2], []),
    "referred_group": ("default", "inviter", "default"),
    "registration": ("invitation", "open", "invitation"),
    "custom_message": (False, True, False),
    "max_at_once": (1, 100, 7),
    "links_in_message": ("allow", "refuse", "allow"),
    "registration_address": ("any", "same", "any"),
    "lifetime_days": (0, 3650, 7),
    "customer_resends": (5, 0, 1),
    "existing_account": ("sign_in", "skip", "sign_in"),
    "credit": ("first", "last", "all"),
    "sender": ("sales", "support", "custom1"),
    "template": ("ours", "theirs", "others"),
    "batch_size": (1, 5000, 20),
}
"""For each option three values, none equal to the one before it: for default, website and store view."""

BAD: list[tuple[str, Any]] = [
    ("enabled", "yes"),
    ("enabled", 1),
    ("enabled", None),
    ("storefront", "on"),
    ("who_may_invite", "some"),
    ("who_may_invite", ""),
    ("inviting_groups", "1"),
    ("inviting_groups", ["a"]),
    ("referred_group", "vip"),
    ("registration", "closed"),
    ("custom_message", 0),
    ("max_at_once", 0),
    ("max_at_once", 101),
    ("max_at_once", -1),
    ("max_at_once", "5"),
    ("max_at_once", 5.5),
    ("max_at_once", True),
    ("max_at_once", False),
    ("links_in_message", True),
    ("registration_address", "none"),
    ("lifetime_days", -1),
    ("lifetime_days", 3651),
    ("customer_resends", 6),
    ("customer_resends", -1),
    ("existing_account", "tell"),
    ("credit", "none"),
    ("sender", "boss"),
    ("template", ""),
    ("template", "x" * 49),
    ("template", 5),
    ("batch_size", 0),
    ("batch_size", 5001),
    ("batch_size", object()),
    ("batch_size", float("nan")),
]


def place_at(scope: Scope, view: StoreView) -> config.Place:
    return config.at({Scope.DEFAULT: None, Scope.WEBSITE: view.website, Scope.STORE_VIEW: view}[scope])


def put(name: str, value: Any, place: config.Place = config.DEFAULT, actor=SYSTEM) -> None:
    stores.override(section=Invitations, name=name, value=value, place=place, actor=actor, now=make.NOW)


def read(name: str, place: config.Place = config.DEFAULT) -> Any:
    value = getattr(config.resolve(Invitations, place).value, name)
    return list(value) if isinstance(value, tuple) else value


def test_every_option_is_covered_when_the_section_grows() -> None:
    assert set(SCOPES) == set(VALUES) == set(Invitations.model_fields)


@pytest.mark.parametrize("name", SCOPES)
def test_option_says_its_narrowest_scope_and_has_words_when_it_is_shown(name: str) -> None:
    about = config.about(Invitations.model_fields[name])

    assert about.narrowest == SCOPES[name]
    assert str(about.label)
    assert len({code for code, _label in about.choices}) == len(about.choices)


@pytest.mark.parametrize(("name", "scope"), list(itertools.product(SCOPES, Scope)))
def test_option_is_set_or_refused_when_it_is_given_at_a_scope(name: str, scope: Scope) -> None:
    view = make.store_view()
    place = place_at(scope, view)
    value = VALUES[name][scope - 1]

    if scope > SCOPES[name]:
        with pytest.raises(ScopeTooNarrow) as refused:
            put(name, value, place)
        assert str(refused.value.data["label"]) in str(refused.value)
        with pytest.raises(ScopeTooNarrow):
            stores.inherit(section=Invitations, name=name, place=place, actor=SYSTEM, now=make.NOW)
        assert not Override.objects.exists()
    else:
        put(name, value, place)
        assert read(name, place) == value
        assert config.resolve(Invitations, place).set_here(name)
        assert config.resolve(Invitations, place).sources == {name: scope}


@pytest.mark.parametrize("name", SCOPES)
def test_option_is_inherited_when_a_narrower_scope_has_no_value(name: str) -> None:
    view = make.store_view()
    sibling, stranger = make.store_view(view.website), make.store_view()
    scopes = [scope for scope in Scope if scope <= SCOPES[name]]
    builtin = read(name)

    for scope in scopes:
        put(name, VALUES[name][scope - 1], place_at(scope, view))

    narrowest = VALUES[name][scopes[-1] - 1]
    assert read(name, config.at(view)) == narrowest
    assert read(name, config.at(stranger)) == VALUES[name][0]
    expected = VALUES[name][min(len(scopes), 2) - 1]
    assert read(name, config.at(sibling)) == expected

    for scope in reversed(scopes):
        place = place_at(scope, view)
        inherited = config.resolve(Invitations, place).inherited
        stores.inherit(section=Invitations, name=name, place=place, actor=SYSTEM, now=make.NOW)
        assert read(name, place) == (
            list(getattr(inherited, name))
            if isinstance(getattr(inherited, name), tuple)
            else getattr(inherited, name)
        )
        assert not config.resolve(Invitations, place).set_here(name)
    assert read(name, config.at(view)) == builtin
    assert not Override.objects.exists()


@pytest.mark.parametrize(("name", "value"), BAD)
def test_earlier_value_is_kept_when_a_new_one_does_not_fit(name: str, value: Any) -> None:
    put(name, VALUES[name][0])

    with pytest.raises(InvalidValue) as refused:
        put(name, value)

    assert read(name) == VALUES[name][0]
    assert str(config.about(Invitations.model_fields[name]).label) in str(refused.value)


@pytest.mark.parametrize(("name", "expected"), [("max_at_once", "1 to 100"), ("sender", "choose one")])
def test_refusal_says_what_would_fit_when_a_value_does_not(name: str, expected: str) -> None:
    with pytest.raises(InvalidValue, match=expected):
        put(name, -5)


def test_stored_zero_reads_as_one_when_it_is_the_most_at_one_time() -> None:
    put("max_at_once", 5)
    Override.objects.update(value=0)

    assert read("max_at_once") == 1


def test_setting_is_written_down_with_who_and_when() -> None:
    view = make.store_view()
    boss = make.actor(view.website)

    put("max_at_once", 7, config.at(view), boss)
    put("max_at_once", 8, config.at(view), boss)

    row = Override.objects.get()
    assert (row.value, row.store_view, row.website, row.changed_at) == (8, view, None, make.NOW)
    assert (row.changed_by_kind, row.changed_by_id) == ("staff", boss.id)


def test_change_is_written_down_with_what_was_before_and_is_after() -> None:
    view = make.store_view()
    boss = make.actor(view.website)
    place = config.at(view)

    put("max_at_once", 7, place, boss)
    put("max_at_once", 7, place, boss)
    put("max_at_once", 8, place, boss)
    later = make.NOW + datetime.timedelta(days=1)
    for _twice in range(2):
        stores.inherit(section=Invitations, name="max_at_once", place=place, actor=boss, now=later)

    rows = list(OptionChange.objects.order_by("pk"))
    assert [(row.before, row.after) for row in rows] == [(None, 7), (7, 8), (8, None)]
    assert {(row.option, row.website, row.store_view, row.actor_id) for row in rows} == {
        ("max_at_once", view.website, view, boss.id)
    }
    assert [row.at for row in rows] == [make.NOW, make.NOW, later]


def test_unknown_option_is_refused_when_it_is_set_or_inherited() -> None:
    with pytest.raises(UnknownOption, match="max_at_onse"):
        put("max_at_onse", 5)
    with pytest.raises(UnknownOption, match="max_at_onse"):
        stores.inherit(
            section=Invitations, name="max_at_onse", place=config.DEFAULT, actor=SYSTEM, now=make.NOW
        )


def test_option_of_another_version_is_left_alone_when_it_is_stored() -> None:
    put("max_at_once", 7)
    Override.objects.update(option="of_the_future")

    assert read("max_at_once") == 5


@pytest.mark.requirement("trust-16")
def test_place_is_refused_when_staff_may_not_configure_it() -> None:
    view, elsewhere = make.store_view(), make.store_view()
    boss, helper = make.actor(view.website), make.actor(view.website, role="support")

    put("max_at_once", 7, config.at(view), boss)
    for place, actor in [
        (config.at(elsewhere), boss),
        (config.DEFAULT, boss),
        (config.at(view), helper),
        (config.at(view), make.by(make.customer(view))),
    ]:
        with pytest.raises(NotPermitted):
            put("max_at_once", 9, place, actor)
        with pytest.raises(NotPermitted):
            stores.inherit(section=Invitations, name="max_at_once", place=place, actor=actor, now=make.NOW)
    put("max_at_once", 9, config.DEFAULT, make.actor())

    assert [row.value for row in Override.objects.order_by("pk")] == [7, 9]


# --- Locks --------------------------------------------------------------------------------------------------------------


def test_lock_wins_and_what_was_set_returns_when_it_goes(settings) -> None:
    view = make.store_view()
    put("max_at_once", 7)
    put("max_at_once", 8, config.at(view.website))
    put("max_at_once", 9, config.at(view))

    settings.GUESTLIST_LOCKS = "invitations.max_at_once=3; invitations.registration=invitation"
    locked = config.resolve(Invitations, config.at(view))

    assert (locked.value.max_at_once, locked.value.registration) == (3, "invitation")
    assert (locked.stored.max_at_once, locked.inherited.max_at_once) == (9, 8)
    assert set(locked.locks) == {"max_at_once", "registration"}
    assert "operator" in str(locked.locks["max_at_once"].reason)
    for deed in (
        lambda: put("max_at_once", 5, config.at(view)),
        lambda: stores.inherit(
            section=Invitations, name="max_at_once", place=config.at(view), actor=SYSTEM, now=make.NOW
        ),
    ):
        with pytest.raises(OptionLocked, match="operator"):
            deed()
    assert config.resolve_each(Invitations, [view])[view.pk].max_at_once == 3

    settings.GUESTLIST_LOCKS = ""

    assert read("max_at_once", config.at(view)) == 9
    assert read("registration", config.at(view)) == "open"


@pytest.mark.parametrize(
    "locks",
    [
        "invitations.max_at_once=0",
        "invitations.max_at_once=lots",
        "invitations.max_at_once",
        "invitations.nothing=1",
        "invitations.registration=closed",
    ],
)
def test_locks_are_no_configuration_when_one_does_not_fit(settings, locks: str) -> None:
    settings.GUESTLIST_LOCKS = locks

    with pytest.raises(ImproperlyConfigured, match="GUESTLIST_LOCKS"):
        config.resolve(Invitations)


def test_locks_of_other_sections_do_not_count_when_one_is_resolved(settings) -> None:
    settings.GUESTLIST_LOCKS = " ; mail.anything=1 ;"

    assert config.resolve(Invitations).locks == {}


@pytest.mark.parametrize("locks", ["invitation.max_at_once=3", "max_at_once=3", "invitations.max=3"])
def test_start_is_refused_when_a_lock_is_mistyped(settings, locks: str) -> None:
    settings.GUESTLIST_LOCKS = locks

    with pytest.raises(ImproperlyConfigured, match="GUESTLIST_LOCKS"):
        config.check_locks()


def test_start_is_not_refused_when_locks_fit_or_there_are_none(settings) -> None:
    for locks in ("", " ; ", "invitations.max_at_once=3; invitations.registration=invitation"):
        settings.GUESTLIST_LOCKS = locks

        config.check_locks()


# --- Queries ------------------------------------------------------------------------------------------------------------


def test_resolving_is_one_query_when_all_scopes_have_values() -> None:
    view = make.store_view()
    for scope in Scope:
        put("max_at_once", 5 + scope, place_at(scope, view))

    with CaptureQueriesContext(
        connection,
    ) as queries:
        value = config.resolve(Invitations, config.at(view)).value

    assert value.max_at_once == 8
    assert len(queries) == 1


def test_each_view_gets_what_it_would_get_alone_when_many_are_resolved() -> None:
    views = [make.store_view() for _ in range(2)]
    views += [make.store_view(views[0].website), make.store_view(views[1].website)]
    put("max_at_once", 11)
    put("max_at_once", 12, config.at(views[0].website))
    put("lifetime_days", 1, config.at(views[0]))
    put("lifetime_days", 2, config.at(views[3]))

    with CaptureQueriesContext(connection) as queries:
        each = config.resolve_each(Invitations, views)

    assert len(queries) == 1
    assert each == {view.pk: config.resolve(Invitations, config.at(view)).value for view in views}
    assert [each[view.pk].max_at_once for view in views] == [12, 11, 12, 11]


def test_every_refusal_reads_as_a_sentence_when_it_is_shown() -> None:
    view = make.store_view()
    for deed in (
        lambda: put("enabled", False, config.at(view)),
        lambda: put("enabled", False, config.at(view.website)),
        lambda: put("batch_size", -1),
        lambda: put("nothing", 1),
    ):
        with pytest.raises(Refusal) as refused:
            deed()
        assert str(refused.value).endswith(".")
        assert "%(" not in str(refused.value)
