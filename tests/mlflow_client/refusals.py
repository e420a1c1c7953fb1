from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mlflow.exceptions import MlflowException


def refused(error_code: str, saying: str = "") -> pytest.RaisesExc[MlflowException]:
    """The call inside this context must raise the client's exception with this error code and words."""
    from mlflow.exceptions import MlflowException

    return pytest.raises(
        MlflowException,
        match=re.escape(saying) if saying else None,
        check=lambda error: error.error_code == error_code,
    )
