"""Markdown as HTML, and nothing else as HTML."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelkeep.ui import markdown
from tests.ui.reading import read

_TAGS = re.compile("a|blockquote|br|code|div|em|h[3-6]|hr|li|ol|p|pre|strong|table|tbody|td|th|thead|tr|ul")


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# One\ntwo", "<h3>One</h3>\n<p>two</p>"),
        ("###### Six ##", "<h6>Six</h6>"),
        ("a **b** *c* `d*e*` __f__", "<p>a <strong>b</strong> <em>c</em> <code>d*e*</code> <strong>f</strong></p>"),
        ("snake_case_name", "<p>snake_case_name</p>"),
        ("- a\n- b\n  more", "<ul><li>a</li><li>b\nmore</li></ul>"),
        ("- a\n  - b", "<ul><li>a<ul><li>b</li></ul></li></ul>"),
        ("1. a\n2. b", "<ol><li>a</li><li>b</li></ol>"),
        ("```python\n<b> # no\n```", "<pre><code>&lt;b&gt; # no</code></pre>"),
        ("> said", "<blockquote><p>said</p></blockquote>"),
        ("---", "<hr>"),
        ("a  \nb", "<p>a<br>\nb</p>"),
        (
            "[x](https://e.org/a)",
            '<p><a href="https://e.org/a" rel="noopener noreferrer nofollow">x</a></p>',
        ),
        (
            "see https://e.org.",
            '<p>see <a href="https://e.org" rel="noopener noreferrer nofollow">https://e.org</a>.</p>',
        ),
        ("[x](javascript:alert)", "<p>[x](javascript:alert)</p>"),
        ("<b>&amp;</b>", "<p>&lt;b&gt;&amp;amp;&lt;/b&gt;</p>"),
        (r"\*not\*", "<p>*not*</p>"),
    ],
)
def test_markdown_reads_as_people_mean_it(text: str, html: str) -> None:
    assert str(markdown.render(text)) == html


def test_a_table_has_headings_and_as_many_cells() -> None:
    html = str(markdown.render("| a | b |\n|---|:-:|\n| 1 | 2 | 3 |\n| 4 |"))
    assert html.count("<th ") == 2
    assert html.count("<td>") == 4


@given(st.text(alphabet="<>\"'&ab _*`#-|[]()!\\\n:/.1\t~", max_size=200))
def test_whatever_is_written_only_known_elements_come_out(text: str) -> None:
    page = read(str(markdown.render(text)).encode(), "/")
    for tag, attributes in page.elements:
        assert _TAGS.fullmatch(tag)
        assert set(attributes) <= {"href", "rel", "class", "scope"}
        assert str(attributes.get("href", "http://")).startswith(("http://", "https://", "mailto:"))


@pytest.mark.parametrize(
    "part", ["[", "**a ", "*", "_a", "`", "<http://", "- ", "|-", "  ", "# ", "> ", "- a\n", "a|b\n", "[a]("]
)
def test_no_text_takes_longer_than_its_length_allows(part: str) -> None:
    def seconds(length: int) -> float:
        text = (part * 60_000)[:length]
        started = time.thread_time()
        markdown.render(text)
        return max(time.thread_time() - started, 0.002)

    # Eight times the text: of a time that grew with the square, it would be 64 times as much.
    assert seconds(markdown.LIMIT) < 32 * seconds(markdown.LIMIT // 8)


def test_a_text_too_long_for_a_card_is_shown_as_it_is() -> None:
    assert str(markdown.render("*" * (markdown.LIMIT + 1))).startswith("<pre>***")
