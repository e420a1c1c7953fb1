"""Running these tests against MLflow's own server, to see that they describe MLflow and not our idea of it.

    mlflow server --port 5611 --backend-store-uri sqlite:////tmp/peer/mlflow.db \
        --artifacts-destination /tmp/peer/artifacts --workers 1
    MODELKEEP_TEST_SERVER_URL=http://127.0.0.1:5611 MODELKEEP_TEST_PEER=1 pytest tests/mlflow_client

MODELKEEP_TEST_SERVER_URL alone points the tests at a Modelkeep that is already running.
"""

from __future__ import annotations

import os

import pytest

SERVER_URL = os.environ.get("MODELKEEP_TEST_SERVER_URL", "").rstrip("/")
IS_PEER = os.environ.get("MODELKEEP_TEST_PEER") == "1"


def modelkeep_only(because: str) -> pytest.MarkDecorator:
    """Marks a test of something that MLflow's server does not do; `because` says what it does instead."""
    return pytest.mark.skipif(IS_PEER, reason=f"MLflow's own server: {because}")
