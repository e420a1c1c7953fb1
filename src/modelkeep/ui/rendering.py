"""From a template and values to a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from modelkeep.ui import markdown, static, wording
from modelkeep.ui.sentences import tell
from modelkeep.ui.visits import Answer, Visit
from modelkeep.version import VERSION

_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_environment.filters.update(
    ago=wording.ago,
    duration=wording.duration,
    by_key=lambda metrics: {metric.key: metric.value for metric in metrics},
    first_line=wording.first_line,
    label=wording.label,
    lines=wording.lines,
    markdown=markdown.render,
    number=wording.number,
    python=wording.literal,
    shorten=wording.shorten,
    size=wording.size,
    status_words=lambda status: status.removeprefix("LOGGED_MODEL_").replace("_", " ").capitalize(),
    when=wording.when,
)
_environment.tests.update(
    in_mlflow=lambda key: key.startswith("mlflow."),
    web_address=lambda address: address.lower().startswith(("http://", "https://")),
)
_environment.globals.update(product_version=VERSION, tell=tell)


def page(template: str, visit: Visit, status: int = 200, **values: Any) -> Answer:
    """A page made by a template, which also sees `links`, `address`, `status` and `now`."""
    html = _environment.get_template(template).render(
        links=visit.links,
        address=visit.address,
        status=status,
        now=visit.registry.clock(),
        needs_token=visit.actor.verified,
        script=Markup(static.script()),
        **values,
    )
    return Answer(html.encode(), status)
