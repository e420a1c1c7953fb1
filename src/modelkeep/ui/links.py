"""The address of every page and file, below the server's base path."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from modelkeep.ui import static


@dataclass(frozen=True, slots=True)
class Links:
    """Makes addresses; `base` is the base path, without a slash at its end."""

    base: str

    def static(self, file: str) -> str:
        return f"{self.base}/static/{static.published_name(file)}"

    def home(self, **query: object) -> str:
        return f"{self.base}/{_query(query)}"

    def model(self, name: str, **query: object) -> str:
        return f"{self.base}/models/{_part(name)}{_query(query)}"

    def version(self, name: str, number: int) -> str:
        return f"{self.model(name)}/versions/{number}"

    def compare(self, name: str, numbers: Iterable[int] = (), **query: object) -> str:
        chosen = ",".join(str(number) for number in numbers)
        return f"{self.model(name)}/compare{_query({'versions': chosen, **query})}"

    def experiments(self, **query: object) -> str:
        return f"{self.base}/experiments{_query(query)}"

    def experiment(self, experiment_id: object, **query: object) -> str:
        return f"{self.base}/experiments/{_part(experiment_id)}{_query(query)}"

    def run(self, experiment_id: object, run_id: str) -> str:
        return f"{self.experiment(experiment_id)}/runs/{_part(run_id)}"

    def run_alone(self, run_id: str) -> str:
        """The page of a run whose experiment is not at hand."""
        return f"{self.base}/runs/{_part(run_id)}"

    def logged_model(self, experiment_id: object, logged_model_id: str) -> str:
        return f"{self.experiment(experiment_id)}/models/{_part(logged_model_id)}"

    def logged_model_alone(self, logged_model_id: str) -> str:
        """The page of a logged model whose experiment is not at hand."""
        return f"{self.base}/logged-models/{_part(logged_model_id)}"

    def activity(self, **query: object) -> str:
        return f"{self.base}/activity{_query(query)}"

    def api(self) -> str:
        return f"{self.base}/api"

    def openapi(self) -> str:
        return f"{self.base}/api/openapi.json"

    def version_file(self, name: str, number: int, path: str) -> str:
        return f"{self.base}/model-versions/get-artifact{_query({'name': name, 'version': number, 'path': path})}"

    def run_file(self, run_id: str, path: str) -> str:
        return f"{self.base}/get-artifact{_query({'run_id': run_id, 'path': path})}"

    def logged_model_file(self, logged_model_id: str, path: str) -> str:
        start = f"{self.base}/ajax-api/2.0/mlflow/logged-models/{_part(logged_model_id)}/artifacts/files"
        return start + _query({"artifact_file_path": path})


def _part(value: object) -> str:
    return quote(str(value), safe="")


def _query(values: dict[str, object]) -> str:
    given = {key: value for key, value in values.items() if value not in (None, "", [], ())}
    return f"?{urlencode(given, doseq=True)}" if given else ""
