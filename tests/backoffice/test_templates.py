"""Mail templates of the shop's own: made from a kept one, refused with the reason, used by what is queued then."""

import pytest
from django.test import Client
from django.urls import reverse

from guestlist.mail import actions as mail
from guestlist.mail import builtin
from guestlist.mail.models import Message, Template
from guestlist.stores.models import StoreView
from tests import make

pytestmark = pytest.mark.django_db


def filled(**changes: str) -> dict[str, str]:
    """Return the form as it is shown for the built-in invitation, with a name and changes."""
    words = {
        f"{part}_{source.language}": getattr(source, part)
        for source in builtin.sources("invitation")
        for part in ("subject", "text", "mjml")
    }
    return {"name": "Our own", **words, **changes}


@pytest.fixture
def built_in(view: StoreView) -> Template:
    return Template.objects.get(code="invitation")


def test_template_is_made_from_the_built_in_one_and_can_be_configured(
    owner: Client, view: StoreView, built_in: Template
) -> None:
    address = reverse("admin:template_make", args=[built_in.pk])
    assert "{{ invitation_url }}" in owner.get(address).content.decode()

    answer = owner.post(address, filled(subject_en="Come in, says {{ store_name }}"))

    made = Template.objects.get(code="our-own")
    assert answer["Location"] == reverse("admin:guestlist_mail_template_change", args=[made.pk])
    assert "Come in, says" in owner.get(answer["Location"]).content.decode()
    assert ("our-own", "Our own") in mail.template_choices("invitation")
    one = make.invitation(make.customer(view), template="our-own")
    assert Message.objects.get(pk=one.mail_id or 0).template_version.template == made


def test_queued_mail_keeps_its_version_when_the_template_changes(
    owner: Client, view: StoreView, built_in: Template
) -> None:
    owner.post(reverse("admin:template_make", args=[built_in.pk]), filled())
    made = Template.objects.get(code="our-own")
    one = make.invitation(make.customer(view), template="our-own")

    owner.post(reverse("admin:template_edit", args=[made.pk]), filled(subject_en="New words"))
    owner.post(reverse("admin:template_edit", args=[made.pk]), filled(subject_en="New words"))

    assert Message.objects.get(pk=one.mail_id or 0).template_version.number == 1
    assert mail.current_version("our-own").number == 2


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("mjml_nl", "<mjml><mj-body>", "mjml_nl"),
        ("text_en", "{{ inviter.password }}", "mjml_en"),
        ("text_en", "Nothing to press", "mjml_en"),
        ("subject_en", "{% for x in y %}", "mjml_en"),
    ],
)
@pytest.mark.requirement("trust-27")
def test_template_is_refused_with_the_reason_and_nothing_typed_is_lost(
    owner: Client, built_in: Template, field: str, value: str, words: str
) -> None:
    answer = owner.post(reverse("admin:template_make", args=[built_in.pk]), filled(**{field: value}))

    assert answer.status_code == 422
    assert answer.context["form"].errors[words]
    assert answer.context["form"][field].value() == value
    assert not Template.objects.filter(is_builtin=False).exists()


def test_template_needs_a_language(owner: Client, built_in: Template) -> None:
    answer = owner.post(reverse("admin:template_make", args=[built_in.pk]), {"name": "Empty"})

    assert answer.status_code == 422
    assert not Template.objects.filter(is_builtin=False).exists()


def test_built_in_template_is_not_edited_but_copied(owner: Client, built_in: Template) -> None:
    answer = owner.post(reverse("admin:template_edit", args=[built_in.pk]), filled())

    assert answer["Location"] == reverse("admin:template_make", args=[built_in.pk])
    assert mail.current_version("invitation").number == 1


def test_templates_of_the_same_name_get_codes_of_their_own(owner: Client, built_in: Template) -> None:
    for _ in range(3):
        owner.post(reverse("admin:template_make", args=[built_in.pk]), filled())

    codes = Template.objects.filter(is_builtin=False).order_by("pk").values_list("code", flat=True)
    assert list(codes) == ["our-own", "our-own-2", "our-own-3"]


@pytest.mark.parametrize("name", ["admin:template_make", "admin:template_edit"])
def test_templates_are_not_changed_by_who_may_not_everywhere(
    support: Client, client_of, view: StoreView, built_in: Template, name: str
) -> None:
    address = reverse(name, args=[built_in.pk])
    one_website = client_of(make.staff(view.website, role="marketing"))

    assert support.post(address, filled()).status_code == 403
    assert one_website.post(address, filled()).status_code == 403
    assert not Template.objects.filter(is_builtin=False).exists()


def test_missing_template_is_missing(owner: Client) -> None:
    assert owner.get(reverse("admin:template_edit", args=[987_654])).status_code == 404
