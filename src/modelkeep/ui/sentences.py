"""Events as sentences with links to what they are about."""

from __future__ import annotations

import re
from string import Formatter
from typing import Any

from markupsafe import Markup, escape

from modelkeep.domain.events import KINDS, Event
from modelkeep.registry.events import Subjects
from modelkeep.ui.links import Links
from modelkeep.ui.wording import label, shorten

_SHOWN_CHARACTERS = 80
_LONG_ID = re.compile(r"\b((?:m-)?[0-9a-f]{8})[0-9a-f]{24}\b")
# A cause that only says again what the sentence says.
_PLAIN_CAUSES = frozenset({"transition", "promotion", "alias set", "alias deleted"})


def tell(event: Event, subjects: Subjects, links: Links, own: int | None = None) -> Markup:
    """What happened, without who did it. Only what still exists is a link.

    Args:
        own: the id of the model whose page this is, which then needs no name.
    """
    told: list[Markup] = []
    for literal, field, _, _ in Formatter().parse(_sentence(event, own)):
        told.append(escape(literal if told else literal[:1].upper() + literal[1:]))
        if field is not None:
            told.append(_value(event, field, subjects, links))
    return Markup("").join(told)


def _sentence(event: Event, own: int | None) -> str:
    if event.kind not in KINDS:  # recorded by a newer release
        return event.kind.replace("{", "{{").replace("}", "}}")
    sentence = KINDS[event.kind].sentence
    if event.kind == "alias.moved":
        if event.payload["from"] is None:
            sentence = "@{alias} of {model} was set to version {to} (cause: {cause})"
        elif event.payload["to"] is None:
            sentence = "@{alias} of {model} was taken off version {from} (cause: {cause})"
    if event.payload.get("cause") in _PLAIN_CAUSES:
        sentence = sentence.removesuffix(" (cause: {cause})")
    if own is not None and event.model_id == own:
        for named, unnamed in (
            ("{model} version", "version"),
            (" of {model}", ""),
            ("registered model {model}", "the model"),
            ("renamed to {model}", "renamed to {new}"),
            ("{model}", "the model"),
            ("{new}", "{model}"),
        ):
            sentence = sentence.replace(named, unnamed)
    return sentence


def _value(event: Event, field: str, subjects: Subjects, links: Links) -> Markup:
    value = event.payload.get(field)
    target = _target(event, field, value, subjects, links)
    if target is not None:
        return Markup('<a href="{}">{}</a>').format(target, _shown(value))
    if field == "source":
        return Markup("<code>{}</code>").format(_shown(value))
    return Markup("<b>{}</b>").format(_shown(value))


def _shown(value: Any) -> Markup:
    if value is None:
        return Markup("nothing")
    if value == "":
        return Markup("an empty text")
    return label(_LONG_ID.sub(r"\1…", shorten(value, _SHOWN_CHARACTERS)))


def _target(event: Event, field: str, value: Any, subjects: Subjects, links: Links) -> str | None:
    noun = event.kind.partition(".")[0]
    if field == "run_id" or (field == "name" and noun == "run"):
        return links.run_alone(str(event.payload["run_id"]))
    if field == "logged_model_id" or (field == "name" and noun == "logged_model"):
        return links.logged_model_alone(str(event.payload["logged_model_id"]))
    if field == "name" and noun == "experiment":
        return links.experiment(event.payload["experiment_id"])
    if event.model_id is None:
        return None
    name = subjects.models.get(event.model_id)
    if name is None:
        return None
    if field == "model":
        return links.model(name)
    if type(value) is int and (event.model_id, value) in subjects.versions:
        return links.version(name, value)
    return None
