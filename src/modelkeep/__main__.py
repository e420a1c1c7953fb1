"""`python -m modelkeep`."""

from modelkeep.cli.main import main

main(prog_name="modelkeep")
