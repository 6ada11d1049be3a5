"""Mail templates of the shop's own: made from a kept one, refused with the reason, used by what is queued then."""

import html
import logging

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from guestlist.mail import actions as mail
from guestlist.mail import builtin
from guestlist.mail.actions import set_sender
from guestlist.mail.models import Message, Template, TemplateText, TemplateVersion, TrialMail
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
        ("text_en", "{{ inviter.password }}", "text_en"),
        ("text_en", "Nothing to press", "text_en"),
        ("subject_en", "{% for x in y %}", "subject_en"),
        ("subject_nl", "Two\nlines", "subject_nl"),
        ("mjml_en", "<mjml><mj-body></mj-body></mjml>", "mjml_en"),
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


def test_errors_of_all_parts_and_languages_are_shown_at_once(owner: Client, built_in: Template) -> None:
    wrong = {
        "name": "x" * 81,
        "subject_en": "{{ unknown }}",
        "text_en": "Nothing to press",
        "mjml_en": "<mjml><mj-body>",
        "text_nl": "{% for x in y %}",
    }

    answer = owner.post(reverse("admin:template_make", args=[built_in.pk]), filled(**wrong))

    assert set(answer.context["form"].errors) == set(wrong)
    assert all(len(reasons) == 1 for reasons in answer.context["form"].errors.values())


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("subject", "The subject is missing."),
        ("text", "The text is missing."),
        ("mjml", "The design is missing."),
    ],
)
def test_language_with_an_empty_part_is_refused_with_a_sentence(
    owner: Client, built_in: Template, part: str, said: str
) -> None:
    answer = owner.post(reverse("admin:template_make", args=[built_in.pk]), filled(**{f"{part}_nl": " "}))

    assert answer.context["form"].errors == {
        f"{part}_nl": [f"{said} Fill it in, or leave all of this language empty."]
    }
    assert not Template.objects.filter(is_builtin=False).exists()


@pytest.mark.parametrize("doing", ["make", "edit"])
def test_words_are_previewed_as_typed_and_nothing_is_saved(
    owner: Client, built_in: Template, doing: str
) -> None:
    made = versions(owner, built_in, "First words") if doing == "edit" else None
    pk = made.pk if made else built_in.pk
    typed = filled(subject_en="Typed for {{ store_name }}", text_nl="{% for x in y %}", name="")
    page = owner.get(reverse(f"admin:template_{doing}", args=[pk])).content.decode()
    address = reverse(f"admin:template_{doing}_preview", args=[pk])
    assert f'formaction="{address}"' in page

    answer = owner.post(address, typed)

    shown = answer.content.decode()
    assert [one.language for one in answer.context["previews"]] == ["en"]
    assert "Typed for Linden &amp; Loom" in shown
    assert shown.count("<iframe sandbox title=") == 1
    assert set(answer.context["form"].errors) == {"text_nl"}
    assert answer.context["form"]["subject_en"].value() == typed["subject_en"]
    assert f'action="{reverse(f"admin:template_{doing}", args=[pk])}"' in shown
    assert "frame-src 'self'" in answer["Content-Security-Policy"]
    assert TemplateVersion.objects.filter(template__is_builtin=False).count() == (1 if made else 0)


def test_preview_without_words_says_what_to_fill_in(owner: Client, built_in: Template) -> None:
    answer = owner.post(reverse("admin:template_make_preview", args=[built_in.pk]), {"name": "Empty"})

    assert answer.status_code == 422
    assert "Fill in subject, text and design" in answer.content.decode()


@pytest.mark.requirement("trust-16")
def test_preview_is_for_who_may_change_templates_everywhere(
    support: Client, marketing: Client, built_in: Template
) -> None:
    address = reverse("admin:template_make_preview", args=[built_in.pk])

    assert [one.post(address, filled()).status_code for one in (support, marketing)] == [403, 403]


def test_store_view_whose_language_a_template_lacks_is_told_of_where_it_is_used(
    owner: Client, marketing: Client, view: StoreView, other_view: StoreView, built_in: Template
) -> None:
    english = filled(subject_nl="", text_nl="", mjml_nl="")
    owner.post(reverse("admin:template_make", args=[built_in.pk]), english)
    made = Template.objects.get(code="our-own")
    address = reverse("admin:guestlist_mail_template_change", args=[made.pk])
    dutch = make.store_view(view.website, language="nl")
    assert "its readers get English" not in owner.get(address).content.decode()

    make.configure("template", "our-own", dutch)

    said = "sends this template and is in Dutch, which it has no words in: its readers get English."
    assert said in owner.get(address).content.decode()
    StoreView.objects.filter(pk=other_view.pk).update(language="nl")
    make.configure("template", "our-own", other_view)
    assert owner.get(address).content.decode().count(said) == 2
    assert marketing.get(address).content.decode().count(said) == 1


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


def versions(owner: Client, built_in: Template, *subjects: str) -> Template:
    """Return a template of the shop's own, saved once for each subject."""
    owner.post(reverse("admin:template_make", args=[built_in.pk]), filled(subject_en=subjects[0]))
    made = Template.objects.get(code="our-own")
    for subject in subjects[1:]:
        owner.post(reverse("admin:template_edit", args=[made.pk]), filled(subject_en=subject))
    return made


def test_versions_are_listed_and_an_old_one_is_shown_as_it_was(owner: Client, built_in: Template) -> None:
    made = versions(owner, built_in, "First words", "Second words")
    page = owner.get(reverse("admin:guestlist_mail_template_change", args=[made.pk])).content.decode()
    first = reverse("admin:template_version", args=[made.pk, 1])
    assert first in page
    assert page.count("Counts now") == 1

    old = owner.get(first).content.decode()

    assert "First words" in old
    assert "Second words" not in old
    assert "Use these words again" in old
    assert "&lt;mjml" in old
    newest = owner.get(reverse("admin:template_version", args=[made.pk, 2])).content.decode()
    assert "Use these words again" not in newest


def test_old_version_is_restored_as_a_new_one_and_what_is_queued_keeps_its_own(
    owner: Client, view: StoreView, built_in: Template
) -> None:
    made = versions(owner, built_in, "First words", "Second words")
    one = make.invitation(make.customer(view), template="our-own")

    answer = owner.post(reverse("admin:template_restore", args=[made.pk, 1]), follow=True)

    assert "The words of version 1 count again, as version 3." in answer.content.decode()
    newest = mail.current_version("our-own")
    assert (newest.number, newest.texts.get(language="en").subject) == (3, "First words")
    assert newest.template.name == "Our own"
    assert Message.objects.get(pk=one.mail_id or 0).template_version.number == 2
    owner.post(reverse("admin:template_restore", args=[made.pk, 3]))
    assert mail.current_version("our-own").number == 3


@pytest.mark.requirement("trust-28")
def test_who_saved_a_template_is_logged(
    owner: Client, built_in: Template, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="guestlist"):
        made = versions(owner, built_in, "First words", "Second words")
        owner.post(reverse("admin:template_restore", args=[made.pk, 1]))

    for number in (1, 2, 3):
        assert f"template saved: our-own version {number} by staff" in caplog.text


def test_built_in_template_is_not_restored(owner: Client, built_in: Template) -> None:
    owner.post(reverse("admin:template_restore", args=[built_in.pk, 1]))

    assert mail.current_version("invitation").number == 1
    page = owner.get(reverse("admin:template_version", args=[built_in.pk, 1])).content.decode()
    assert "Use these words again" not in page


@pytest.mark.requirement("trust-16")
def test_versions_are_seen_by_who_sees_templates_and_restored_by_who_may_everywhere(
    owner: Client, support: Client, marketing: Client, built_in: Template
) -> None:
    made = versions(owner, built_in, "First words", "Second words")
    seen, restored = (
        reverse(f"admin:{name}", args=[made.pk, 1]) for name in ("template_version", "template_restore")
    )

    assert [one.get(seen).status_code for one in (support, marketing)] == [403, 200]
    assert [one.post(restored).status_code for one in (support, marketing)] == [403, 403]
    assert "Use these words again" not in marketing.get(seen).content.decode()
    assert mail.current_version("our-own").number == 2


@pytest.mark.parametrize("number", [0, 7])
def test_version_that_there_is_not_is_missing(owner: Client, built_in: Template, number: int) -> None:
    assert owner.get(reverse("admin:template_version", args=[built_in.pk, number])).status_code == 404
    assert owner.post(reverse("admin:template_restore", args=[built_in.pk, number])).status_code == 404


@pytest.mark.parametrize("language", ["en", "nl"])
def test_test_mail_goes_to_who_asks_in_the_language_asked_for(
    owner: Client, view: StoreView, built_in: Template, language: str
) -> None:
    make.configure("sender", "sales", view)
    set_sender(website=view.website, code="sales", name="Sales", address="sales@example.com")
    data = {"store_view": str(view.pk), "language": language}

    answer = owner.post(reverse("admin:template_trial", args=[built_in.pk]), data, follow=True)

    assert "A test mail is on its way to owner@example.com." in answer.content.decode()
    message = Message.objects.get()
    trial = TrialMail.objects.get(pk=message.subject_id)
    assert (trial.user.email, trial.language) == ("owner@example.com", language)
    assert message.sender.code == "sales"
    assert message.template_version == mail.current_version("invitation")


@pytest.mark.parametrize("change", [{"language": "fr"}, {"language": ""}, {"store_view": "0"}])
def test_test_mail_is_not_sent_when_its_form_was_tampered_with(
    owner: Client, view: StoreView, built_in: Template, change: dict[str, str]
) -> None:
    data = {"store_view": str(view.pk), "language": "en"} | change

    assert owner.post(reverse("admin:template_trial", args=[built_in.pk]), data).status_code == 404
    assert not Message.objects.exists()


@pytest.mark.requirement("trust-16")
def test_test_mail_leaves_from_own_websites_only(
    marketing: Client, support: Client, view: StoreView, other_view: StoreView, built_in: Template
) -> None:
    address = reverse("admin:template_trial", args=[built_in.pk])
    page = marketing.get(reverse("admin:guestlist_mail_template_change", args=[built_in.pk]))
    assert "The Attic" not in page.content.decode()

    for client, store_view in ((marketing, other_view), (support, view)):
        answer = client.post(address, {"store_view": str(store_view.pk), "language": "en"})
        assert answer.status_code == 404
    assert not Message.objects.exists()
    marketing.post(address, {"store_view": str(view.pk), "language": "en"})
    assert Message.objects.exists()


@pytest.mark.requirement("trust-27")
@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        ("text", "Hello\n{{ inviter.password }}", "Line 2: “{{ inviter.password }}” is not understood."),
        ("text", "{% for x in y %}{% endfor %}", "Line 1: “{% for x in y %}” is not understood."),
        ("text", "\n\n{{ store_name|safe }}", "Line 3: “{{ store_name|safe }}” is not understood."),
        ("text", "{% if message %}never closed", "Line 1"),
        ("text", "{{ unknown }}", "Line 1: there is no variable “unknown” in this mail."),
        ("text", "{% include '/etc/passwd' %}", "Line 1"),
        ("text", "{% load os %}", "Line 1: “{% load os %}” is not understood."),
        ("subject", "{{ store_name.__class__ }}", "Line 1: “{{ store_name.__class__ }}” is not understood."),
        ("text", "{% if message %}" * 6 + "x" + "{% endif %}" * 6, "Line 1"),
        ("mjml", "<mjml><mj-body>", "not valid MJML"),
        ("mjml", "<mjml><mj-body><mj-raw><script>x</script></mj-raw></mj-body></mjml>", "<script>"),
        ("mjml", "<mj-section>" * 1_001 + "</mj-section>" * 1_001, "too large"),
        ("mjml", "x" * 100_001, "at most 100000"),
        ("text", "x" * 20_001, "at most 20000"),
    ],
)
def test_template_that_would_do_more_than_it_may_is_refused_with_line_and_words(
    owner: Client, built_in: Template, part: str, value: str, said: str
) -> None:
    data = filled(**{f"{part}_en": value})

    answer = owner.post(reverse("admin:template_make", args=[built_in.pk]), data)

    assert answer.status_code == 422
    assert said in html.unescape(answer.content.decode())
    assert not Template.objects.filter(is_builtin=False).exists()


def test_template_page_asks_as_often_however_many_versions_there_are(
    owner: Client, built_in: Template
) -> None:
    def count(template: Template) -> int:
        with CaptureQueriesContext(connection) as queries:
            owner.get(reverse("admin:guestlist_mail_template_change", args=[template.pk]))
        return len(queries)

    made = versions(owner, built_in, "First words")
    count(made)  # Django remembers content types from then on
    few = count(made)
    for number in range(50):
        TemplateVersion.objects.create(
            template=made, number=number + 2, digest=str(number), created_at=make.NOW
        )
    newest = mail.current_version("our-own")
    TemplateText.objects.filter(version__template=made).update(version=newest)

    assert count(made) == few
