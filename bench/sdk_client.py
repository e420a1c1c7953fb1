"""A program that uses an SDK: `python bench/sdk_client.py modelkeep|mlflow ADDRESS`.

The same calls whichever of the two it imports. Reads what to do from standard input, one JSON list of a name and its
arguments a line, and answers each with one line: the seconds it took.
"""

from __future__ import annotations

import importlib
import json
import logging
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

MODEL = "sdk"


def main(package: str, address: str) -> None:
    """Answer until there is nothing more to do."""
    warnings.simplefilter("ignore")
    answers, sys.stdout = sys.stdout, sys.stderr  # what a package prints is no answer
    sdk = importlib.import_module(package)
    logging.disable(logging.WARNING)
    sdk.set_tracking_uri(address)
    verbs = {"log": _logger(sdk), "get": _getter(sdk), "upload": _uploader(sdk)}
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(verbs[name](*arguments)), file=answers, flush=True)


def _logger(sdk: Any) -> Callable[..., float]:
    """Log a small model in a run of its own, and register it."""
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    flavor = importlib.import_module(f"{sdk.__name__}.sklearn")
    models = importlib.import_module(f"{sdk.__name__}.models")
    data, target = load_iris(return_X_y=True, as_frame=True)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(data, target)
    signature = models.infer_signature(data, model.predict(data))

    def log(options: dict[str, Any]) -> float:
        with sdk.start_run():
            began = time.perf_counter()
            info = flavor.log_model(model, name="model", registered_model_name=MODEL, signature=signature, **options)
            taken = time.perf_counter() - began
        if not info.registered_model_version:
            raise RuntimeError("log_model registered no version")
        return taken

    return log


def _getter(sdk: Any) -> Callable[..., float]:
    """Ask for the first version so many times; the answer is the median of one."""
    client = sdk.MlflowClient()

    def get(times: int) -> float:
        taken = []
        for _ in range(times):
            began = time.perf_counter()
            version = client.get_model_version(MODEL, "1")
            taken.append(time.perf_counter() - began)
            if str(version.version) != "1":
                raise RuntimeError(f"asked for version 1, and was given {version}")
        return sorted(taken)[times // 2]

    return get


def _uploader(sdk: Any) -> Callable[..., float]:
    """Send a folder as files of a new run."""
    client = sdk.MlflowClient()

    def upload(folder: str) -> float:
        run = client.create_run("0")
        began = time.perf_counter()
        client.log_artifacts(run.info.run_id, folder, "model")
        return time.perf_counter() - began

    return upload


if __name__ == "__main__":
    main(*sys.argv[1:])
