"""What holds for every page that can be reached from the first one."""

from __future__ import annotations

import base64
import hashlib
import re
from urllib.parse import quote

import pytest

from tests.support.wire import Answer
from tests.ui.conftest import Site
from tests.ui.furnishing import CHURN, HOSTILE_NAMES
from tests.ui.reading import Page, read

# The only elements that a page of ours may have; a hostile name that became another one would stand out.
_ELEMENTS = re.compile(
    "a|aside|b|blockquote|body|br|button|caption|circle|code|dd|details|div|dl|dt|em|footer|form|h[1-6]|head|header|hr|"
    "html|img|input|label|li|link|main|meta|nav|ol|optgroup|option|p|polyline|pre|script|select|span|strong|summary|"
    "svg|table|tbody|td|th|thead|time|title|tr|ul"
)


@pytest.fixture(scope="module")
def pages(site: Site) -> dict[str, tuple[Answer, Page | None]]:
    return crawl(site)


def crawl(site: Site) -> dict[str, tuple[Answer, Page | None]]:
    """Every address that can be reached from the first page, with its answer."""
    found: dict[str, tuple[Answer, Page | None]] = {}
    waiting = [f"{site.base}/", f"{site.base}/models/{CHURN}/compare?versions=2,3,4"]
    while waiting:
        path = waiting.pop().partition("#")[0]
        if path in found or not path.startswith("/"):
            continue
        answer = site.wire.get(path)
        page = None
        if answer.headers["content-type"].startswith("text/html"):
            page = read(answer.body, path)
            waiting += page.links
        found[path] = (answer, page)
    return found


def test_no_link_leads_nowhere(pages: dict[str, tuple[Answer, Page | None]]) -> None:
    broken = {path: answer.status for path, (answer, _) in pages.items() if answer.status != 200}
    assert broken == {}
    assert len(pages) > 60


def test_links_within_a_page_have_their_target(pages: dict[str, tuple[Answer, Page | None]]) -> None:
    for path, (_, page) in pages.items():
        for link in page.links if page else ():
            target, _, fragment = link.partition("#")
            if fragment and target == path:
                assert fragment in page.ids, f"{path} has no #{fragment}"


def test_below_a_base_path_every_link_stays_below_it(site_below_a_path: Site) -> None:
    pages = crawl(site_below_a_path)
    assert {path: answer.status for path, (answer, _) in pages.items() if answer.status != 200} == {}
    strays = [path for path in pages if not path.startswith(f"{site_below_a_path.base}/")]
    assert strays == []
    assert len(pages) > 60


def test_no_text_from_outside_becomes_an_element(pages: dict[str, tuple[Answer, Page | None]]) -> None:
    for path, (_, page) in pages.items():
        for tag, attributes in page.elements if page else ():
            assert _ELEMENTS.fullmatch(tag), f"<{tag}> on {path}"
            assert not [name for name in attributes if name.startswith("on") or name == "style"], (
                f"{path}: {attributes}"
            )
            if tag == "img":
                assert "/static/icon." in str(attributes["src"])
            if tag == "a":
                assert re.match(r"/|https?://|#", str(attributes["href"])), f"{path}: {attributes['href']}"


def test_the_only_script_is_the_one_the_policy_allows(pages: dict[str, tuple[Answer, Page | None]]) -> None:
    for path, (answer, page) in pages.items():
        if page is None or not page.all("script"):
            continue
        assert len(page.all("script")) == 1
        assert "src" not in page.all("script")[0]
        digest = base64.b64encode(hashlib.sha256(page.script.encode()).digest()).decode()
        assert f"script-src 'sha256-{digest}'" in answer.headers["content-security-policy"], path


def test_every_page_says_what_a_browser_may_do(pages: dict[str, tuple[Answer, Page | None]]) -> None:
    for path, (answer, page) in pages.items():
        if page is None:
            continue
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy, path
        assert "unsafe" not in policy, path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "private, no-cache"


def test_nothing_comes_from_another_host(pages: dict[str, tuple[Answer, Page | None]]) -> None:
    for path, (_, page) in pages.items():
        for tag, attributes in page.elements if page else ():
            if tag in ("link", "script", "img", "form"):
                for name in ("href", "src", "action"):
                    assert str(attributes.get(name) or "/").startswith("/"), f"{path}: {attributes}"


def test_every_page_can_be_walked_by_ear(pages: dict[str, tuple[Answer, Page | None]]) -> None:
    for path, (_, page) in pages.items():
        if page is None:
            continue
        assert page.all("html") == [{"lang": "en"}], path
        assert len(page.all("h1")) == 1, path
        assert len(page.all("main")) == 1, path
        labelled = {str(label.get("for")) for label in page.all("label")}
        for field in page.all("input"):
            kind = field.get("type")
            named = kind == "hidden" or field.get("aria-label") or field.get("id") in labelled
            assert named or kind == "text", f"{path}: {field}"  # text fields stand inside their label
        for image in page.all("img"):
            assert "alt" in image, path


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_hostile_name_is_shown_and_its_pages_answer(pages: dict[str, tuple[Answer, Page | None]], name: str) -> None:
    part = quote(name, safe="")
    for path in (f"/models/{part}", f"/models/{part}/versions/1"):
        answer, page = pages[path]
        assert answer.status == 200
        assert page is not None
        shown = name.replace("\n", "\u240a").replace("\u202e", "[U+202E]")
        assert shown in page.text


def test_a_name_that_would_turn_the_text_around_is_told_apart(pages: dict[str, tuple[Answer, Page | None]]) -> None:
    for _, (_, page) in pages.items():
        if page is not None:
            title = page.text.partition("· Modelkeep")[0]
            assert "\u202e" not in title
