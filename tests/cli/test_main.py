"""The command as a whole: what it loads, what it prints on a terminal and in a pipe, and how it ends."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

import modelkeep
from modelkeep.cli import codes
from modelkeep.cli.main import COMMANDS, main
from modelkeep.domain.errors import ModelkeepError, NotFound, PermissionDenied, Unauthenticated, Unavailable
from modelkeep.version import VERSION
from tests.cli.conftest import Run, run_main
from tests.support.servers import free_port, modelkeep_command

SECONDS = 120
SERVER = {"uvicorn", "httptools", "jinja2", "uvloop", "psycopg", "modelkeep.http", "modelkeep.serve", "modelkeep.ui"}
EMBEDDED = {"apsw", "modelkeep.registry", "modelkeep.storage", "modelkeep.blobs"}
CLIENT = {"msgspec", "urllib3", "modelkeep.client.client", "modelkeep.api.table"}


def loaded(*args: str) -> set[str]:
    """The modules that are loaded when a command line has ended."""
    program = (
        "import sys\n"
        "from modelkeep.__main__ import run\n"
        "try:\n    run()\n"
        "finally:\n    sys.stderr.write('\\n'.join(sys.modules))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, *args], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    return set(ended.stderr.splitlines())


def test_the_version_loads_nothing() -> None:
    assert not loaded("--version") & (SERVER | EMBEDDED | CLIENT | {"click", "modelkeep.cli.main"})


@pytest.mark.parametrize("args", [["--help"], ["models", "--help"], ["versions", "download", "--help"]])
def test_help_loads_no_sdk(args: list[str]) -> None:
    found = loaded(*args)

    assert "click" in found
    assert not found & (SERVER | EMBEDDED | CLIENT)


def test_a_command_for_a_server_loads_no_server(server) -> None:
    found = loaded("models", "list", "--uri", server.url)

    assert "urllib3" in found
    assert not found & (SERVER | EMBEDDED | {"modelkeep.cli.serve", "modelkeep.cli.versions"})


def test_a_command_for_a_folder_loads_no_server_and_no_http(tmp_path: Path) -> None:
    found = loaded("models", "create", "churn", "--uri", str(tmp_path / "data"))

    assert "apsw" in found
    assert not found & (SERVER | {"urllib3"})


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_page_of_help(name: str) -> None:
    ended = run_main(name, "--help")

    assert ended.code == 0 and ended.out.startswith(f"Usage: modelkeep {name}")


def commands() -> list[tuple[str, click.Command]]:
    """Every command that does something, with its name."""
    found = []

    def walk(group: click.Group, name: str) -> None:
        context = click.Context(group)
        for each in group.list_commands(context):
            command = group.get_command(context, each)
            assert command is not None
            if isinstance(command, click.Group):
                walk(command, f"{name} {each}")
            else:
                found.append((f"{name} {each}", command))

    walk(main, "modelkeep")
    return found


@pytest.mark.parametrize(("name", "command"), commands(), ids=[name for name, _ in commands()])
def test_every_command_and_option_says_what_it_does(name: str, command: click.Command) -> None:
    assert command.help and command.help.strip().partition("\n\n")[0].rstrip().endswith(".")
    options = [each for each in command.params if isinstance(each, click.Option)]
    assert all(option.help for option in options)
    prints = {"serve", "completion", "restore", "fsck", "backup"}
    if name.split()[-1] not in prints:
        assert "as_json" in [option.name for option in options]


def test_the_version_is_told() -> None:
    quickly = subprocess.run(
        [sys.executable, "-m", "modelkeep", "--version"], capture_output=True, text=True, timeout=SECONDS, check=True
    )

    assert quickly.stdout == run_main("--version").out == f"modelkeep, version {VERSION}\n"


def test_the_help_names_every_command() -> None:
    lines = run_main("--help").out.splitlines()

    for name, place in COMMANDS.items():
        assert f"  {name:<13}{place.summary}" in lines


@pytest.mark.parametrize(
    ("error", "code"),
    [(NotFound, 3), (Unavailable, 4), (Unauthenticated, 5), (PermissionDenied, 5), (ModelkeepError, 1)],
)
def test_an_error_has_its_code(error: type[ModelkeepError], code: int) -> None:
    assert codes.of(error("")) == code
    assert code in codes.MEANINGS


def test_commands_on_a_data_folder_end_with_1_for_any_error(tmp_path: Path) -> None:
    assert run_main("tokens", "revoke", "nothing", "--data", str(tmp_path)).code == 1


def test_a_server_that_does_not_answer_ends_with_4() -> None:
    ended = run_main("models", "list", "--uri", f"http://127.0.0.1:{free_port()}")

    assert ended.code == 4
    assert ended.err.startswith("Error: The server at http://127.0.0.1") and ended.err.count("\n") == 1


def test_a_folder_that_is_not_there_is_not_made_by_looking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert run_main("models", "list").code == 3
    assert run_main("versions", "delete", "churn/1", "--uri", str(tmp_path / "other")).code == 3

    assert list(tmp_path.iterdir()) == []


def test_a_command_line_that_is_wrong_ends_with_2() -> None:
    for args in (["--nothing"], ["nothing"], ["models", "list", "--nothing"], ["models", "show"]):
        ended = run_main(*args)
        assert ended.code == 2
        assert ended.err.startswith("Error: ") and ended.err.count("\n") == 1 and "--help`" in ended.err


def test_a_file_that_cannot_be_written_is_one_line(run: Run, version: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    run("versions", "download", version, "--to", str(tmp_path / "file" / "below"), code=1)


def test_a_name_that_the_encoding_lacks_is_escaped(uri: str, client: modelkeep.Client, model: str) -> None:
    client.update_registered_model(model, "größer …")

    ended = subprocess.run(
        [*modelkeep_command(), "models", "show", model, "--uri", uri], capture_output=True, timeout=SECONDS, check=True,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
    )  # fmt: skip

    assert b"gr\xf6\xdfer \\u2026" in ended.stdout


def test_a_time_that_no_calendar_has_is_a_number(run: Run, client: modelkeep.Client, experiment_id: str) -> None:
    run_id = client.create_run(experiment_id, start_time=9 * 10**17).info.run_id

    assert ["started", f"{9 * 10**17} ms"] in run("runs", "show", run_id).rows


# Terminals --------------------------------------------------------------------------------------------------


def on_terminal(*args: str, keys: bytes = b"", **environment: str) -> tuple[int, str]:
    """Run a command on a terminal of its own; its code and what the terminal was told."""
    shown, told = pty.openpty()
    process = subprocess.Popen(
        [*modelkeep_command(), *args], stdin=told, stdout=told, stderr=told, start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "200", **environment},
    )  # fmt: skip
    os.close(told)
    os.write(shown, keys)
    text = b""
    try:
        while chunk := os.read(shown, 65536):
            text += chunk
    except OSError:  # Linux says so when the last one who had the terminal is gone
        pass
    finally:
        os.close(shown)
    return process.wait(SECONDS), text.decode().replace("\r\n", "\n")


ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def test_a_terminal_gets_a_table_with_headers(uri: str, client: modelkeep.Client, version: str) -> None:
    name = version.partition("/")[0]
    client.update_registered_model(name, "[red]not a color")

    code, text = on_terminal("models", "list", "--uri", uri, "--filter", f"name = '{name}'")

    assert code == 0
    header, row = ESCAPE.sub("", text).splitlines()
    assert header.split() == ["NAME", "NEWEST", "ALIASES", "UPDATED", "DESCRIPTION"]
    assert row.split()[:2] == [name, "1"] and "[red]not a color" in row


def test_columns_are_aligned_whatever_letters_they_hold(uri: str, client: modelkeep.Client, model: str) -> None:
    client.create_model_version(model, "s3://models/1", tags={"team": "\u6210\u9577"})  # each two places wide
    client.create_model_version(model, "s3://models/2", tags={"team": "Zoe\u0301"})  # four letters in three places
    client.create_model_version(model, "s3://models/3", tags={"team": "growth"})

    _, text = on_terminal("versions", "compare", f"{model}/1", f"{model}/2", f"{model}/3", "--uri", uri)

    header, *rows = ESCAPE.sub("", text).splitlines()
    row = next(row for row in rows if "growth" in row)
    assert row.index("Zoe") == header.index(f"{model}/2") - 2
    assert row.index("growth") == header.index(f"{model}/3") - 2 + 1


def test_colors_are_left_out_when_they_are_not_wanted(uri: str, client: modelkeep.Client) -> None:
    assert "\x1b[32mok" in on_terminal("doctor", "--uri", uri)[1]
    assert "\x1b[3" not in on_terminal("doctor", "--uri", uri, NO_COLOR="1")[1]


@pytest.mark.parametrize(("keys", "code"), [(b"n\n", 1), (b"y\n", 0)])
def test_a_terminal_is_asked_before_a_delete(
    uri: str, client: modelkeep.Client, model: str, keys: bytes, code: int
) -> None:
    ended, text = on_terminal("models", "delete", model, "--uri", uri, keys=keys)

    assert (ended, "Delete registered model" in text) == (code, True)
    assert len(client.search_registered_models(f"name = '{model}'")) == code


def test_it_does_not_ask_when_told_not_to(uri: str, client: modelkeep.Client, model: str) -> None:
    ended, text = on_terminal("models", "delete", model, "--yes", "--uri", uri)

    assert (ended, "?" in text) == (0, False)


# Completion -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_script(shell: str) -> None:
    ended = run_main("completion", shell)

    assert ended.code == 0 and f"_MODELKEEP_COMPLETE={shell}_complete" in ended.out


def test_commands_and_options_are_completed() -> None:
    def completed(words: str, index: int) -> list[str]:
        ended = subprocess.run(
            modelkeep_command(), capture_output=True, text=True, timeout=SECONDS, check=True,
            env={**os.environ, "_MODELKEEP_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(index)},
        )  # fmt: skip
        return [line.partition(",")[2] for line in ended.stdout.splitlines()]

    assert completed("modelkeep ver", 1) == ["versions", "verify"]
    assert completed("modelkeep models re", 2) == ["rename", "restore"]
    assert "--archive-existing" in completed("modelkeep stage set churn/1 Staging --a", 5)


def test_the_bash_script_is_bash() -> None:
    script = run_main("completion", "bash").out

    subprocess.run(["bash", "-n"], input=script, text=True, timeout=SECONDS, check=True)
