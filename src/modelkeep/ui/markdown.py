"""Descriptions as HTML: the part of Markdown that model cards use, and nothing that is HTML itself.

Every character of the text is escaped; the only tags in the result are those written here. Every repetition in the
patterns is bounded, so that no text takes longer than in proportion to its length.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from markupsafe import Markup, escape

# What is longer is no model card but data: it is shown as it is, because rendering it would take seconds.
LIMIT = 60_000
# A page has its own first and second headings, so a description's start below them.
_HEADINGS_BELOW = 2
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.+)")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_RULE = re.compile(r" {0,3}(?:(?:\*[ \t]*){3,99}|(?:-[ \t]*){3,99}|(?:_[ \t]*){3,99})")
_ITEM = re.compile(r"([ \t]{0,40})(?:[-*+]|(\d{1,9})[.)])[ \t]+(.*)")
_QUOTE = re.compile(r" {0,3}> ?(.*)")
_CELL_RULE = re.compile(r"[ \t]*:?-+:?[ \t]*")
_INLINE = re.compile(
    r"(?P<code>`[^`]{1,2000}`)"
    r"|\*\*(?P<strong>[^*\s](?:[^*]{0,1000}[^*\s])?)\*\*"
    r"|(?<!\w)__(?P<strong_too>[^_\s](?:[^_]{0,1000}[^_\s])?)__(?!\w)"
    r"|\*(?P<em>[^*\s](?:[^*]{0,1000}[^*\s])?)\*"
    r"|(?<!\w)_(?P<em_too>[^_\s](?:[^_]{0,1000}[^_\s])?)_(?!\w)"
    r"|\[(?P<label>[^\[\]]{1,500})\]\((?P<target>[^()\s]{1,2000})\)"
    r"|<?(?P<address>https?://[^\s<>\"']{1,2000})>?"
    r"|\\(?P<literal>[\\`*_{}\[\]()#+\-.!<>|~])"
)
_SAFE_TARGET = re.compile(r"(?:https?://|mailto:)[^\s]+", re.IGNORECASE)


def render(text: str) -> Markup:
    """Markdown text as HTML; text over LIMIT characters as it stands."""
    if len(text) > LIMIT:
        return Markup("<pre>{}</pre>").format(text)
    return Markup("\n").join(_blocks(text.replace("\r\n", "\n").expandtabs(4).split("\n")))


def _blocks(lines: list[str]) -> Iterator[Markup]:
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip():
            at += 1
        elif fence := _FENCE.match(line):
            end = _end_of_fence(lines, at + 1, fence[1])
            yield Markup("<pre><code>{}</code></pre>").format("\n".join(lines[at + 1 : end]))
            at = end + 1
        elif heading := _HEADING.fullmatch(line):
            level = min(len(heading[1]) + _HEADINGS_BELOW, 6)
            yield Markup("<h{0}>{1}</h{0}>").format(level, _inline(heading[2].rstrip().rstrip("#").rstrip()))
            at += 1
        elif _RULE.fullmatch(line):
            yield Markup("<hr>")
            at += 1
        elif _starts_table(lines, at):
            end = _while(lines, at + 2, lambda following: "|" in following)
            yield _table(lines[at], lines[at + 2 : end])
            at = end
        elif _ITEM.fullmatch(line):
            end = _while(lines, at, lambda following: bool(_ITEM.fullmatch(following)) or following.startswith("  "))
            yield _list(lines[at:end])
            at = end
        elif _QUOTE.fullmatch(line):
            end = _while(lines, at, lambda following: bool(_QUOTE.fullmatch(following)))
            quoted = [match[1] for following in lines[at:end] if (match := _QUOTE.fullmatch(following))]
            yield Markup("<blockquote><p>{}</p></blockquote>").format(_lines(quoted))
            at = end
        else:
            end = at + 1
            while end < len(lines) and _continues_paragraph(lines, end):
                end += 1
            yield Markup("<p>{}</p>").format(_lines(lines[at:end]))
            at = end


def _end_of_fence(lines: list[str], at: int, fence: str) -> int:
    while at < len(lines) and not (lines[at].strip().startswith(fence) and not lines[at].strip().strip(fence[0])):
        at += 1
    return at


def _while(lines: list[str], at: int, belongs: Callable[[str], bool]) -> int:
    while at < len(lines) and lines[at].strip() and belongs(lines[at]):
        at += 1
    return at


def _continues_paragraph(lines: list[str], at: int) -> bool:
    line = lines[at]
    return bool(line.strip()) and not (
        _FENCE.match(line)
        or _HEADING.fullmatch(line)
        or _RULE.fullmatch(line)
        or _ITEM.fullmatch(line)
        or _QUOTE.fullmatch(line)
        or _starts_table(lines, at)
    )


def _starts_table(lines: list[str], at: int) -> bool:
    if "|" not in lines[at] or at + 1 == len(lines) or "-" not in lines[at + 1]:
        return False
    return all(_CELL_RULE.fullmatch(cell) for cell in _cells(lines[at + 1]))


def _cells(line: str) -> list[str]:
    return line.strip().removeprefix("|").removesuffix("|").split("|")


def _table(head: str, rows: list[str]) -> Markup:
    names = _cells(head)
    headings = Markup("").join(Markup('<th scope="col">{}</th>').format(_inline(name.strip())) for name in names)
    body = Markup("").join(_row(row, len(names)) for row in rows)
    return Markup('<div class="scroll"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>').format(
        headings, body
    )


def _row(line: str, width: int) -> Markup:
    cells = (_cells(line) + [""] * width)[:width]
    return Markup("<tr>{}</tr>").format(
        Markup("").join(Markup("<td>{}</td>").format(_inline(cell.strip())) for cell in cells)
    )


def _list(lines: list[str]) -> Markup:
    """One list; what is indented deeper than its first item is shown one level below it."""
    first = _ITEM.fullmatch(lines[0])
    assert first is not None
    margin = len(first[1])
    items: list[tuple[str, list[str]]] = []
    for line in lines:
        match = _ITEM.fullmatch(line)
        if match and len(match[1]) <= margin + 1:
            items.append((match[3], []))
        else:
            items[-1][1].append(line)
    tag = "ol" if first[2] else "ul"
    return Markup("<{0}>{1}</{0}>").format(Markup(tag), Markup("").join(_item(*item) for item in items))


def _item(text: str, below: list[str]) -> Markup:
    plain = next((at for at, line in enumerate(below) if _ITEM.fullmatch(line)), len(below))
    words = _lines([text, *(line.strip() for line in below[:plain])])
    nested = [line for line in below[plain:] if _ITEM.fullmatch(line)]
    inner = Markup("").join(
        Markup("<li>{}</li>").format(_inline(match[3])) for line in nested if (match := _ITEM.fullmatch(line))
    )
    return Markup("<li>{}{}</li>").format(words, Markup("<ul>{}</ul>").format(inner) if nested else "")


def _lines(lines: list[str]) -> Markup:
    """The lines of a paragraph; two spaces at a line's end break it."""
    shown = Markup("")
    for at, line in enumerate(lines):
        ending = "" if at == len(lines) - 1 else Markup("<br>\n") if line.endswith("  ") else "\n"
        shown += _inline(line.strip()) + ending
    return shown


def _inline(text: str) -> Markup:
    parts: list[Markup] = []
    at = 0
    for match in _INLINE.finditer(text):
        parts.append(escape(text[at : match.start()]))
        parts.append(_span(match))
        at = match.end()
    parts.append(escape(text[at:]))
    return Markup("").join(parts)


def _span(match: re.Match[str]) -> Markup:
    found = match.groupdict()
    if found["code"]:
        return Markup("<code>{}</code>").format(found["code"].strip("`"))
    if strong := found["strong"] or found["strong_too"]:
        return Markup("<strong>{}</strong>").format(_inline(strong))
    if emphasis := found["em"] or found["em_too"]:
        return Markup("<em>{}</em>").format(_inline(emphasis))
    if found["literal"]:
        return escape(found["literal"])
    if found["address"]:
        address = found["address"].rstrip(".,;:!?)")
        return _link(address, escape(address)) + escape(found["address"][len(address) :])
    if _SAFE_TARGET.fullmatch(found["target"]):
        return _link(found["target"], _inline(found["label"]))
    return escape(match[0])


def _link(target: str, label: Markup) -> Markup:
    return Markup('<a href="{}" rel="noopener noreferrer nofollow">{}</a>').format(target, label)
