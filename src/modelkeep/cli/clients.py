"""What the commands that talk to a registry have in common: its address, and how its things are named."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from modelkeep.client import addresses, connections, environment
from modelkeep.client.addresses import OfVersion
from modelkeep.domain.errors import Invalid, NotFound

# The SDK is imported when a command runs: `--help` and completion go without it.
if TYPE_CHECKING:
    from modelkeep.client.client import Client
    from modelkeep.client.entities import ModelVersion, PagedList

T = TypeVar("T")

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
is_sure = click.option("-y", "--yes", "is_sure", is_flag=True, help="Do not ask.")
filtered = click.option(
    "--filter", "filter_string", metavar="FILTER", help="Only those that meet it; docs/searching.md."
)
ordered = click.option(
    "--order-by", "order_by", multiple=True, metavar="KEY", help="Key to order by, as in 'name DESC'. Repeatable."
)
limited = click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most so many. [default: all]")


def connected(*, makes: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command the options `--uri` and `--json`, and a client of the registry as its first argument.

    Args:
        makes: a data folder that is not there yet is made; without it, it is an error.
    """

    def give(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def run(uri: str | None, **given: Any) -> Any:
            client = connect(uri, makes=makes)
            try:
                return command(client, **given)
            finally:
                client.transport.close()

        return address(as_json(run))

    return give


address = click.option(
    "--uri", metavar="ADDRESS", help="The registry: http(s)://host:port, or a data folder. [MODELKEEP_URI]"
)


def connect(uri: str | None, *, makes: bool = False) -> Client:
    """A client of the registry at an address, which is that of the environment by default.

    Raises:
        NotFound: it is a folder without a registry, and none may be made.
        Invalid: it is no address.
    """
    place = uri or environment.uri() or connections.DEFAULT_FOLDER
    folder = connections.folder_of(place)
    if folder is not None and not makes and not (folder / connections.DATABASE).exists():
        raise NotFound(
            f"There is no registry in the folder '{folder}'. Name one with --uri or MODELKEEP_URI: the address of a server, "
            "as in http://127.0.0.1:5000, or a data folder."
        )
    from modelkeep.client.client import Client

    # For the functions of the SDK that take no client.
    connections.choose(place)
    return Client(place)


def _named(context: click.Context, parameter: click.Parameter, given: Any) -> Any:
    return tuple(map(parse, given)) if isinstance(given, tuple) else parse(given)


def parse(text: str) -> OfVersion:
    """What `churn/3`, `churn@champion`, `churn/Production` or `churn/latest` says, with or without `models:/` before it.

    Raises:
        click.BadParameter: it names no version.
    """
    try:
        named = addresses.of_version(text if text.startswith("models:/") else f"models:/{text}")
    except Invalid:
        named = None
    if named is None:
        raise click.BadParameter(
            f"'{text}' names no version: write it as churn/3, churn@champion, churn/Production or churn/latest."
        )
    return named


version_argument = click.argument("named", metavar="VERSION", callback=_named)
versions_argument = click.argument("named", metavar="VERSION...", nargs=-1, required=True, callback=_named)


def version_of(name: str, version: str | None) -> OfVersion:
    """The version that two arguments name, as in `churn 3` or `churn @champion`, or one alone, as in `churn/3`.

    Raises:
        click.BadParameter: they name no version.
    """
    if version is None:
        return parse(name)
    return parse(f"{name}{version}" if version.startswith("@") else f"{name}/{version}")


def find(client: Client, named: OfVersion) -> ModelVersion:
    """The version that an address names now.

    Raises:
        NotFound: it names none.
    """
    from modelkeep.client.versions import resolve

    try:
        return resolve(client, named)
    except Invalid as error:
        # MLflow's code for a missing alias.
        raise NotFound(error.message) if named.alias is not None else error from None


def number_of(client: Client, named: OfVersion) -> str:
    """The number of a version, without asking when the address says it."""
    return named.number or find(client, named).version


def every(page: Callable[[int, str | None], PagedList[T]], most: int | None, page_size: int) -> Iterator[T]:
    """The items of all pages, at most `most`.

    Args:
        page: a page of at most so many, after a token.
    """
    token: str | None = None
    left = most
    while left is None or left > 0:
        found = page(page_size if left is None else min(page_size, left), token)
        yield from found
        left = None if left is None else left - len(found)
        token = found.token
        if not token:
            return


def pairs_of(texts: tuple[str, ...], noun: str = "tag", form: str = "key=value") -> dict[str, str]:
    """Tags, or what else comes so, from `key=value` texts.

    Raises:
        click.BadParameter: one has no `=`.
    """
    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise click.BadParameter(f"'{text}' is no {noun}: write it as {form}.")
        found[key] = value
    return found


def text_of(given: str | None, file: str | None) -> str:
    """A description: the text given, or that of a file, of standard input for `-`.

    Raises:
        click.UsageError: neither or both are given.
        Invalid: the file cannot be read.
    """
    if (given is None) == (file is None):
        raise click.UsageError("Give either the text or --file.")
    if given is not None:
        return given
    assert file is not None
    try:
        with click.open_file(file, encoding="utf-8") as opened:
            return opened.read()
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"The file '{Path(file)}' cannot be read as text: {error}.") from None
