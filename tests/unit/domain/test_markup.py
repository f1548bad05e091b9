"""HTML bodies become text before they are cut; what is no HTML stays as it is, byte for byte."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightsort.api.prompt import Prompt
from nightsort.domain.markup import is_html, plain_text
from nightsort.domain.prompt import TicketText
from nightsort.domain.ticket import Ticket

CASE = Path(__file__).parents[2] / "cases" / "files" / "html-body.csv"
STYLE = "<style>" + "".join(f".c{n} {{ color: #{n:06x} }} " for n in range(200)) + "</style>"
OUTLOOK = (
    '<html xmlns:o="urn:schemas-microsoft-com:office:office"><head><meta charset="utf-8"><!--[if gte mso 9]><xml><o:x>'
    f"</o:x></xml><![endif]-->{STYLE}<title>Mail</title></head><body lang=DE><div class=WordSection1>"
    '<p class=MsoNormal><span style="font-size:11.0pt">Hello,<o:p></o:p></span></p><p class=MsoNormal>&nbsp;</p>'
    "<p class=MsoNormal>I was charged <b>twice</b> &amp; want 5&nbsp;&euro; back.</p></div></body></html>"
)


def rendered(body: str, most: int = 2000) -> str | None:
    return TicketText(Prompt(template="$body", max_body_chars=most)).of(Ticket("1", {"body": body}, ""))


def test_a_body_of_style_sheets_is_sent_as_the_sentence_in_it() -> None:
    with CASE.open(newline="") as file:
        [row] = csv.DictReader(file)

    assert rendered(row["body"]) == "I was charged twice."


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (OUTLOOK, "Hello,\nI was charged twice & want 5 € back."),
        ("<div>one<div>two</div>three</div>", "one\ntwo\nthree"),
        ("<p>Hi &amp; <b>bo</b>ld<br>new</p>", "Hi & bold\nnew"),
        ("<p>one\n  two</p>\n\n<p>three</p>\n", "one two\nthree"),
        ("<table><tr><td>Order</td><td>17</td></tr><tr><td>Price</td></tr></table>", "Order\n17\nPrice"),
        ("<ul><li>a<li>b</ul>", "a\nb"),
        ("<!DOCTYPE html>\n<html><body>text that is not closed", "text that is not closed"),
        ("<?xml version='1.0'?><!-- x --><!DOCTYPE html><html><p>x</p></html>", "x"),
        ("\ufeff <HTML><BODY>Hello</BODY></HTML>", "Hello"),
        (f"{STYLE}I was charged twice", "I was charged twice"),
        ("<body>a < b &lt; c & d <e@x.com> f</body>", "a < b < c & d f"),
        ('<p title="a>b" class="x">kept</p>', "kept"),
        ("<p title=it's>kept</p>", "kept"),
        ("<div><script>if (a < b) alert('</div>')</script>seen</div>", "seen"),
        ("<div><script>never closed", "<div><script>never closed"),
        ("<div><!-- <p>hidden</p> -->seen</div>", "seen"),
        ('<div><img src="data:image/png;base64,' + "A" * 3_000_000 + '">seen</div>', "seen"),
        ("<p>a&#39;b&nbsp;c&unknown;</p>", "a'b c&unknown;"),
        ('<span style="color:red">one</span> <span style="x">two</span>', "one two"),
        ("<div dir=ltr>Zeile<br/>zwei</div><br>", "Zeile\nzwei"),
        ("<p>\u2028x\x00y</p>", "x\x00y"),
        ("<p>I typed <style> and it broke. S</p>", "I typed and it broke. S"),
        ("<p>I typed <script> and it broke. S</p>", "I typed and it broke. S"),
        ("<p>I typed <style> and <b>it</b> broke.<br>S</p>", "I typed and it broke.\nS"),
        ("<p>a <b and c S</p>", "a <b and c S"),
        ('<p>a <b and 5" S</p>', 'a <b and 5" S'),
        ("<p>a <b and c's S</p>", "a <b and c's S"),
        ("<html><body>a <b and c S", "a <b and c S"),
        ("<div><p title='a<b'>S</p></div>", "S"),
        ('<div><p title="a<b>c">S</p></div>', "S"),
        ("<p>a <!--> S</p>", "a S"),
        ("<p>a <!---> S</p>", "a S"),
        ("<p>a <!----> S</p>", "a S"),
        ("<p>a <!-- b --!> S</p>", "a S"),
        ("<p>a <!-- b > c --> S</p>", "a S"),
        ("<p>a <!-- b -- c -> d --> S</p>", "a S"),
        ("<p>a <!-- b, and nothing behind it</p>", "a"),
        ("<!-- a --!><p>S</p>", "S"),
        ("<!--><p>S</p>", "S"),
        ("<p>S</p><!-- a --!>", "S"),
        ("<p>a <!! S</p>", "a <!! S"),
        ("<p>a <! b</p>", "a <! b"),
        ("<p>a <? b?</p>", "a <? b?"),
        ("<p>a <!b S</p>", "a <!b S"),
        ("<p>a <![if mso]>b<![endif]> S</p>", "a b S"),
        ("<p>a <?xml:namespace prefix='o' ?> S</p>", "a S"),
        ("<p>a</ p> S</p>", "a</ p> S"),
        ("<div><style>a{}</stylesheet>b</style>S</div>", "S"),
    ],
)
def test_html_becomes_what_a_person_reads(html: str, text: str) -> None:
    assert rendered(html) == text


def test_html_without_any_text_cannot_be_classified() -> None:
    assert rendered(f"<html><head>{STYLE}</head><body><img src='x.png'><br></body></html>") is None


PLAIN = [
    "if a < b then c > d",
    "a<b>c",
    "I <3 this",
    "List<String> items = new ArrayList<>();",
    "Use the <div> tag",
    "<b>bold</b> does not work in my page",
    "<html> and <body> are missing in my page",
    "<!DOCTYPE html> is what I wrote",
    "<p> is not closed",
    "<div> does nothing",
    "Bob <bob@example.com> wrote:\n> hello",
    "<bob@example.com> wrote this",
    "<script>alert(1)</script> is shown on my page",
    "<style> tags are ignored by your editor",
    "<config><a>1</a></config>",
    "<?xml version='1.0'?><config><a>1</a></config>",
    "<!-- my comment --> is shown",
    "<<EOF\ncat x\nEOF",
    "My page shows &amp;lt; and <br> as they are, see <p>x</p>",
    "<",
    "<>",
    "< p>x</p>",
    "</p>",
    "Error in line 5: <class 'ValueError'>",
    "x &lt; y &amp; z",
    "  <\n",
]


@pytest.mark.parametrize("text", PLAIN)
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert plain_text(text, 2000) == text
    assert plain_text(f"{text}\n{'and so on, ' * 500}", 2000) == f"{text}\n{'and so on, ' * 500}"


@given(st.text(alphabet="ab <>/=\"'&;!-p\n", max_size=60))
def test_text_that_does_not_begin_with_a_tag_stays_as_it_is(text: str) -> None:
    assert plain_text(f"x{text}", 2000) == f"x{text}"


def test_a_mail_that_is_half_text_is_made_plain_only_where_markup_would_push_the_text_out() -> None:
    mail = f'Hello,<br><div style="x">{STYLE}<p>I was charged twice</p>'

    assert not is_html(mail)
    assert plain_text(mail, len(mail)) == mail
    assert plain_text(mail, 2000) == "Hello,\nI was charged twice"


@pytest.mark.no_cover  # each tag is a pass over the same lines
@pytest.mark.timeout(60)  # a tree of these tags takes minutes; a scan of them takes a second
@pytest.mark.parametrize(
    ("before", "repeated", "behind", "times"),
    [
        ("", "<div>", "x", 300_000),
        ("<html><body>", "<b>", "", 400_000),
        ("<html><body>", "<!--", "", 400_000),
        ("", "<!-- -->", "", 400_000),
        ("<html><body>", "<svg>", "", 400_000),
        ("<html><body>", "<a b='", "", 400_000),
        ("<html><body>", '<a b=">', "", 400_000),
        ("<html><body>", "<", "", 1_600_000),
        ("<html><body>", "<b ", "", 600_000),
        ("<html><body>", '<a ="<a" ', ">", 200_000),
        ("<html><body>", "<!-- --!>", "", 200_000),
        ("<html><body>", "<style>", "", 250_000),
        ("<html><body>", "<p <!", ">", 300_000),
        ("<html><body>", "<a b='>", "", 250_000),
        ("<html><body>", "&amp", "", 400_000),
        ("x", "<b>", "", 700_000),
        ("x", "<b", "", 700_000),
        ("", " ", "<p>", 3_000_000),
    ],
)
def test_hostile_markup_begins_with_the_same_text_however_long_it_is(
    before: str, repeated: str, behind: str, times: int
) -> None:
    long, short = (plain_text(before + repeated * many + behind, 2000) for many in (times, 5_000))

    assert long.startswith(short[:2000])


def test_whether_a_text_was_cut_is_known_after_it_was_made_plain() -> None:
    text = TicketText(Prompt(template="$subject $body", max_body_chars=10))

    def cut(**fields: str) -> bool | None:
        found = text.rendered(Ticket("1", fields, ""))
        return None if found is None else found.cut

    assert cut(subject="0123456789", body="<p>0123456789</p>") is False
    assert cut(subject="0123456789a", body="") is True
    assert cut(subject="", body=" 0123456789 \n") is False
    assert cut(subject="", body=f"<p>{'x' * 11}</p>") is True
    assert cut(subject="", body="x", other="y" * 50) is False
    assert cut(subject="", body="") is None
