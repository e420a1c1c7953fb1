"""The story of docs/promotion.md runs as written."""

import re
import subprocess
import sys

from tools.generate_docs import DOCS

BLOCKS = re.findall(r"```python\n(.*?)```", (DOCS / "promotion.md").read_text(), re.DOTALL)


def test_the_story_runs_as_written(tmp_path):
    (story,) = BLOCKS
    script = tmp_path / "story.py"
    script.write_text(story)

    ran = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, cwd=tmp_path, timeout=240)

    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines()[0].startswith("version 1: rollback by ")
