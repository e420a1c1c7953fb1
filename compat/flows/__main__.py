"""`python -m compat.flows FOLDER REPORT [GROUP…]`: do the steps with the `mlflow` of this environment.

MLFLOW_TRACKING_URI says which server. FOLDER is for files, what came of the steps goes to REPORT as JSON, and groups of
steps may be chosen.
"""

from __future__ import annotations

import contextlib
import json
import sys
import warnings
from dataclasses import asdict
from pathlib import Path

from compat.flows.every import STEPS
from compat.flows.given import Given
from compat.flows.steps import run


def main() -> None:
    folder, report, groups = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    warnings.simplefilter("ignore")  # the clients' own
    with contextlib.suppress(ImportError):
        # 2.9 imports pip, and setuptools, which scikit-learn's autologging then needs, refuses to come after it.
        import setuptools  # noqa: F401
    import mlflow
    import mlflow.sklearn

    given = Given(mlflow, folder)
    outcomes = [run(step, given) for step in STEPS if not groups or step.group in groups]
    report.write_text(
        json.dumps({"client": mlflow.__version__, "steps": [asdict(outcome) for outcome in outcomes]}, indent=1)
    )


if __name__ == "__main__":
    main()
