"""The file `MLmodel`, which says what the other files of a model's folder are: MLflow's own format, as YAML."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from modelkeep.flavors.errors import NotAModel
from modelkeep.flavors.signatures import ModelSignature

FILE = "MLmodel"
PYFUNC = "python_function"
# Readers tell by it how the folder is laid out; what is written here is what this version writes.
LAYOUT_VERSION = "3.17.2"
# A file that is larger was not written by anything that saves models.
_SIZE_LIMIT = 16 * 1024 * 1024


@dataclass(slots=True)
class MLmodel:
    """What an `MLmodel` file says.

    Attributes:
        flavors: the settings of each flavor by its name.
        saved_input_example_info: where the example is, and how it is written.
        others: keys that are only passed on.
    """

    flavors: dict[str, dict[str, Any]] = field(default_factory=dict)
    signature: ModelSignature | None = None
    saved_input_example_info: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    model_id: str | None = None
    run_id: str | None = None
    artifact_path: str | None = None
    model_uuid: str = field(default_factory=lambda: uuid.uuid4().hex)
    utc_time_created: str = field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f"))
    mlflow_version: str | None = LAYOUT_VERSION
    model_size_bytes: int | None = None
    others: dict[str, Any] = field(default_factory=dict)

    def flavor(self, name: str) -> dict[str, Any]:
        """The settings of a flavor.

        Raises:
            NotAModel: the model does not have it.
        """
        found = self.flavors.get(name)
        if found is None:
            have = ", ".join(sorted(self.flavors)) or "none"
            raise NotAModel(f"The model has no flavor '{name}'; it has: {have}. Load it with one of these.")
        return found


_ALWAYS = ("model_id", "model_uuid", "utc_time_created", "mlflow_version", "model_size_bytes")
_IF_GIVEN = ("saved_input_example_info", "metadata", "run_id", "artifact_path")


def to_dict(model: MLmodel) -> dict[str, Any]:
    """The content of the file."""
    content: dict[str, Any] = {
        "flavors": model.flavors,
        "is_signature_from_type_hint": False,
        "prompts": None,
        "type_hint_from_example": False,
    } | model.others
    content |= {name: getattr(model, name) for name in _ALWAYS}
    content |= {name: value for name in _IF_GIVEN if (value := getattr(model, name)) is not None}
    if model.signature is not None:
        content["signature"] = model.signature.to_dict()
    return content


def write(model: MLmodel, folder: Path) -> None:
    """Write the file into a model's folder."""
    (folder / FILE).write_text(dump_yaml(to_dict(model)), encoding="utf-8")


def read(folder: Path) -> MLmodel:
    """What the `MLmodel` file in a folder says.

    Raises:
        NotAModel: there is none, or it cannot be read.
    """
    path = folder / FILE
    if not path.is_file():
        raise NotAModel(f"There is no model at '{folder}': it has no file named {FILE}. Give a folder that was saved.")
    if path.stat().st_size > _SIZE_LIMIT:
        raise NotAModel(f"'{path}' is larger than {_SIZE_LIMIT} bytes, so it is not a description of a model.")
    import yaml

    try:
        content = yaml.load(path.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise NotAModel(f"'{path}' is not YAML that can be read: {error}.") from None
    return _parsed(content, path)


def _parsed(content: Any, path: Path) -> MLmodel:
    flavors = content.get("flavors") if isinstance(content, dict) else None
    if not isinstance(flavors, dict) or not all(isinstance(each, dict) for each in flavors.values()):
        raise NotAModel(f"'{path}' does not say which flavors the model has, so it cannot be loaded.")
    given = dict(content)
    signature = given.pop("signature", None)
    model = MLmodel(given.pop("flavors"), mlflow_version=None)
    for name in (*_ALWAYS, *_IF_GIVEN):
        if name in given:
            setattr(model, name, given.pop(name))
    model.others = given
    if signature is not None:
        try:
            model.signature = ModelSignature.from_dict(signature)
        except (TypeError, ValueError, KeyError, AttributeError, json.JSONDecodeError) as error:
            raise NotAModel(f"The signature in '{path}' cannot be read: {error!r}.") from None
    return model


def dump_yaml(content: Any) -> str:
    """YAML as MLflow writes it: keys in order, one a line."""
    import yaml

    # The one in C is ten times as fast, and is not built everywhere.
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return yaml.dump(content, Dumper=dumper, default_flow_style=False, allow_unicode=True)
