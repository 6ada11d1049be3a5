"""The language of templates: what it says, what it refuses, and that no value breaks out of its place."""

import html
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestlist.mail import language
from guestlist.mail.language import Escape, parse, render
from guestlist.mail.variables import variables_of

VARIABLES = variables_of("invitation")


def rendered(text, escape=Escape.NONE, **values):
    return render(parse(text, variables=VARIABLES), values, escape=escape)


def test_variables_and_conditions_are_filled_in():
    text = "Hello {% if inviter_name %}from {{ inviter_name }}{% else %}from {{store_name}}{% endif %}!"

    assert rendered(text, inviter_name="Emma", store_name="Loom") == "Hello from Emma!"
    assert rendered(text, inviter_name="", store_name="Loom") == "Hello from Loom!"


def test_conditions_may_be_nested():
    text = "{% if message %}a{% if occasion %}b{% else %}c{% endif %}d{% endif %}e"

    assert rendered(text, message="x", occasion="y") == "abde"
    assert rendered(text, message="x") == "acde"
    assert rendered(text) == "e"


def test_a_condition_alone_on_its_line_takes_the_line_with_it():
    text = "one\n  {% if message %}\ntwo\n{% endif %}\nthree\n"

    assert rendered(text, message="x") == "one\ntwo\nthree\n"
    assert rendered(text) == "one\nthree\n"


def test_what_is_no_tag_stays():
    text = "@media print{.a{color:red}} 100 % {# no comment #} }}"

    assert rendered(text) == text


@pytest.mark.requirement("trust-27")
@pytest.mark.parametrize(
    ("text", "refusal", "line", "words"),
    [
        ("a\n{{ nobody }}", language.UnknownVariable, 2, "nobody"),
        ("{% if nobody %}{% endif %}", language.UnknownVariable, 1, "nobody"),
        ("{{ store_name.upper }}", language.UnknownTag, 1, "{{ store_name.upper }}"),
        ("{{ store_name|safe }}", language.UnknownTag, 1, "{{ store_name|safe }}"),
        ("{{ store_name[0] }}", language.UnknownTag, 1, "{{ store_name[0] }}"),
        ("{{ 1 }}", language.UnknownTag, 1, "{{ 1 }}"),
        ("{{}}", language.UnknownTag, 1, "{{}}"),
        ("\n\n{% for a in message %}", language.UnknownTag, 3, "{% for a in message %}"),
        ("{% if message == store_name %}", language.UnknownTag, 1, "{% if message == store_name %}"),
        ("{% if not message %}", language.UnknownTag, 1, "{% if not message %}"),
        ("{% include 'x' %}", language.UnknownTag, 1, "{% include 'x' %}"),
        ("{{ store_name", language.UnknownTag, 1, "{{ store_name"),
        ("{% load x", language.UnknownTag, 1, "{% load x"),
        ("{{ store_\nname }}", language.UnknownTag, 1, "{{ store_\nname }}"),
        ("x\n{% if message %}\n", language.UnclosedCondition, 2, "{% if message %}"),
        ("{% if message %}{% else %}{% else %}{% endif %}", language.StrayTag, 1, "{% else %}"),
        ("{% endif %}", language.StrayTag, 1, "{% endif %}"),
        ("{% if message %}\n" * 6, language.TooDeep, 6, "{% if message %}"),
    ],
)
def test_anything_else_is_refused_with_line_and_words(text, refusal, line, words):
    with pytest.raises(refusal) as caught:
        parse(text, variables=VARIABLES)

    assert caught.value.data["line"] == line
    assert caught.value.data["words"] == words
    assert str(line) in str(caught.value)
    assert "%%" not in str(caught.value)


@pytest.mark.requirement("trust-27")
def test_a_template_has_a_greatest_length():
    with pytest.raises(language.TooLong):
        parse("x" * (language.MAX_LENGTH + 1), variables=VARIABLES)


@given(st.text(alphabet="{}% ifelsndatorm_\n", max_size=300))
def test_any_text_is_parsed_or_refused(text):
    try:
        program = parse(text, variables=VARIABLES)
    except language.MalformedTemplate:
        return
    render(program, {}, escape=Escape.NONE)


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, [name for name, _value in attrs]))
        if tag == "br":
            self.text += "\n"

    def handle_data(self, data):
        self.text += data.replace("\n", "")

    def handle_comment(self, data):
        self.found.append(("comment", data))


values = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.sampled_from(
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=y>',
        "'--><b>",
        "&lt;",
        "{{ store_name }}",
        "]]>",
        "\n<br>",
    ]
)


@given(name=values, message=values)
def test_no_value_breaks_out_of_html(name, message):
    program = parse(
        '<p title="{{ inviter_name }}">{{ inviter_name }}</p><i>{{ message }}</i>', variables=VARIABLES
    )
    try:
        text = render(program, {"inviter_name": name, "message": message}, escape=Escape.HTML)
    except language.UnusableValue:
        assert any(ord(character) < 32 or 127 <= ord(character) < 160 for character in name + message)
        return

    tags = _Tags()
    tags.feed(text)
    tags.close()
    assert [found for found in tags.found if found[0] != "br"] == [("p", ["title"]), ("i", [])]


@given(values)
def test_text_in_html_reads_as_it_was_written(name):
    program = parse("{{ inviter_name }}", variables=VARIABLES)
    try:
        text = render(program, {"inviter_name": name}, escape=Escape.HTML)
    except language.UnusableValue:
        return

    assert html.unescape(text).split() == name.replace("\x85", " ").split()


@pytest.mark.requirement("trust-12")
@given(
    st.text(max_size=30), st.sampled_from("\r\n\0\x1f\x7f\x85\u2028\u2029\u202e\u2066"), st.text(max_size=30)
)
def test_control_characters_are_refused_in_headers(before, control, after):
    program = parse("From {{ inviter_name }}", variables=VARIABLES)

    with pytest.raises(language.UnusableValue):
        render(program, {"inviter_name": before + control + after}, escape=Escape.HEADER)


def test_a_header_is_one_line_of_bounded_length():
    subject = rendered("{{ inviter_name }}  invites   you", Escape.HEADER, inviter_name="x" * 500)

    assert len(subject) == language.MAX_SUBJECT
    assert subject.endswith("…")
    assert rendered(" {{ inviter_name }}  invites ", Escape.HEADER, inviter_name="Emma") == "Emma invites"


def test_line_breaks_are_kept_where_a_value_has_lines():
    text = rendered(
        "{{ message }}|{{ inviter_name }}", Escape.HTML, message="a\r\nb\u2028c", inviter_name="d\ne"
    )

    assert text == "a<br>\nb<br>\nc|d e"


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "//evil.example", "https://a b", 'https://x"onload', "data:,x", "/x"]
)
def test_only_addresses_of_the_web_fill_a_link(url):
    with pytest.raises(language.UnusableValue):
        rendered('<a href="{{ invitation_url }}">', Escape.HTML, invitation_url=url)


@pytest.mark.parametrize("color", ["red", "", "#fff", "#12345g", "#123456;background:url(x)"])
def test_only_colors_fill_a_style(color):
    with pytest.raises(language.UnusableValue):
        rendered("{{ accent }}", Escape.HTML, accent=color)
