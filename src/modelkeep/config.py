"""Every setting: name, default, help. The only reader of the environment and of the settings file.

A setting is taken from the command line, else from `MODELKEEP_<NAME>`, else from the TOML file that `--config` or
MODELKEEP_CONFIG names, else its default.
"""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from modelkeep.domain.errors import Invalid

# A driver behind the `+` is how SQLAlchemy, and so MLflow, writes it.
_POSTGRES = re.compile(r"(?:postgres|postgresql)(?:\+\w+)?://(.*)", re.DOTALL)
_FORM = "postgresql://user@host:5432/name"


def _setting(default: Any, help: str, is_secret: bool = False) -> Any:
    return field(default=default, metadata={"help": help}, repr=not is_secret)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a server; each field's metadata holds its help."""

    host: str = _setting("127.0.0.1", "Address to listen on. Any other than loopback needs --auth or --insecure.")
    port: int = _setting(5000, "Port to listen on.")
    data: str = _setting("modelkeep-data", "Data folder: the database and the files.")
    database: str = _setting(
        "",
        f"PostgreSQL database for everything but the files, as in {_FORM}; without it SQLite in the data folder.",
        is_secret=True,
    )
    processes: int = _setting(
        1,
        "Server processes. On SQLite one of them makes the small changes of all, so more of them answer more reads.",
    )
    base_path: str = _setting("", "Serve below this path as well, as in /registry.")
    allowed_hosts: tuple[str, ...] = _setting(
        (), "Host names (or patterns) accepted besides localhost and private addresses, separated by commas."
    )
    trusted_proxy: tuple[str, ...] = _setting(
        (), "Networks (CIDR) of proxies whose X-Forwarded headers are believed, separated by commas."
    )
    auth: bool = _setting(False, "Require a token for every call. `modelkeep tokens create` makes them.")
    insecure: bool = _setting(False, "Allow a non-loopback address without authentication.")
    read_only: bool = _setting(False, "Refuse every change.")
    scrub_mb_per_second: int = _setting(
        20, "How fast stored files are read again in the background to find damage, in MB a second; 0 for not at all."
    )
    collect_grace_hours: int = _setting(24, "Hours that a stored file which nothing uses is kept before it is deleted.")
    access_log: str = _setting("off", "Which requests to log: off, writes or all.")
    log_level: str = _setting("info", "Least level to log: debug, info, warning or error.")
    log_format: str = _setting("json", "Log lines as json or text.")


def load(given: Mapping[str, Any], environment: Mapping[str, str] | None = None, file: str | None = None) -> Settings:
    """The settings from the command line's values (None means not given), the environment and a TOML file.

    Raises:
        Invalid: a setting is unknown or has a wrong value, or the file cannot be read.
    """
    environment = os.environ if environment is None else environment
    file = file or environment.get("MODELKEEP_CONFIG")
    from_file = _read(Path(file)) if file else {}
    unknown = set(from_file) - {setting.name for setting in fields(Settings)}
    if unknown:
        raise Invalid(
            f"{file} has unknown settings: {', '.join(sorted(unknown))}. `modelkeep serve --help` lists them."
        )
    values: dict[str, Any] = {}
    for setting in fields(Settings):
        variable = f"MODELKEEP_{setting.name.upper()}"
        if given.get(setting.name) is not None:
            value, origin = given[setting.name], f"--{setting.name.replace('_', '-')}"
        elif variable in environment:
            value, origin = environment[variable], variable
        elif setting.name in from_file:
            value, origin = from_file[setting.name], f"{setting.name} in {file}"
        else:
            continue
        values[setting.name] = _convert(value, type(setting.default), origin)
    values["database"] = _database(values.get("database", ""))
    return _checked(Settings(**values))


def server_of(url: str) -> str:
    """Where a database is, for people and logs: no password, and no options, which may hold one."""
    parts = urlsplit(url)
    user, host = (parts.netloc.rpartition("@")[0].partition(":")[0], parts.netloc.rpartition("@")[2])
    return f"postgresql://{f'{user}@' if user else ''}{host}{parts.path}"


def _database(given: str) -> str:
    """The address of a database as libpq wants it; it is in no message, for it may hold a password."""
    given = given.strip()
    if not given:
        return ""
    if found := _POSTGRES.fullmatch(given):
        return f"postgresql://{found[1]}"
    scheme = re.match(r"([A-Za-z][A-Za-z0-9.\-]*)(?:\+\w+)?://", given)
    if scheme is None:
        raise Invalid(f"--database must be the address of a PostgreSQL database, such as {_FORM}, and it is none.")
    if scheme[1].lower() == "sqlite":
        raise Invalid("SQLite needs no --database: leave it out, and say with --data in which folder the file is.")
    raise Invalid(
        f"--database begins with '{scheme[1][:40]}', a kind of database that Modelkeep cannot use. Give it a PostgreSQL "
        f"database, such as {_FORM}, or leave it out for SQLite in the data folder."
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise Invalid(f"The settings file {path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"The settings file {path} is not valid TOML: {error}.") from None


def _convert(value: Any, kind: type, origin: str) -> Any:
    if kind is bool:
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in ("1", "true", "yes", "on", "0", "false", "no", "off", ""):
            return value.lower() in ("1", "true", "yes", "on")
        raise Invalid(f"{origin} must be true or false, got {value!r}.")
    if kind is tuple:
        parts = value.split(",") if isinstance(value, str) else [str(part) for part in value]
        return tuple(part.strip() for part in parts if part.strip())
    if kind is int:
        try:
            return int(value)
        except (TypeError, ValueError):
            raise Invalid(f"{origin} must be a whole number, got {value!r}.") from None
    return str(value)


def _checked(settings: Settings) -> Settings:
    if not 0 < settings.port < 65536:
        raise Invalid(f"--port must be between 1 and 65535, got {settings.port}.")
    if not 1 <= settings.processes <= 256:
        raise Invalid(f"--processes must be between 1 and 256, got {settings.processes}.")
    for option, number in (
        ("scrub-mb-per-second", settings.scrub_mb_per_second),
        ("collect-grace-hours", settings.collect_grace_hours),
    ):
        if not 0 <= number <= 1_000_000:
            raise Invalid(f"--{option} must be between 0 and 1,000,000, got {number}.")
    if settings.base_path and (not settings.base_path.startswith("/") or settings.base_path.endswith("/")):
        raise Invalid(
            f"--base-path must start with '/' and not end with it, as in /registry, got {settings.base_path!r}."
        )
    for name, value, allowed in (
        ("access-log", settings.access_log, ("off", "writes", "all")),
        ("log-level", settings.log_level, ("debug", "info", "warning", "error")),
        ("log-format", settings.log_format, ("json", "text")),
    ):
        if value not in allowed:
            raise Invalid(f"--{name} must be one of {', '.join(allowed)}, got {value!r}.")
    for network in settings.trusted_proxy:
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            raise Invalid(f"--trusted-proxy must be networks such as 10.0.0.0/8, got {network!r}.") from None
    if not (settings.auth or settings.insecure or _is_loopback(settings.host)):
        raise Invalid(
            f"Listening on {settings.host} would let anyone on the network change the registry. "
            "Add --auth (and make tokens with `modelkeep tokens create`), or --insecure if something in front checks who calls."
        )
    return settings


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
