"""The command `modelkeep`, and `python -m modelkeep`."""

import sys

from modelkeep.version import VERSION


def run() -> None:
    """Run the command line of this process."""
    if sys.argv[1:] == ["--version"]:
        # Scripts ask often, and importing click would take nearly all of the time.
        print(f"modelkeep, version {VERSION}")
        return
    from modelkeep.cli.main import main

    main(prog_name="modelkeep")


if __name__ == "__main__":
    run()
