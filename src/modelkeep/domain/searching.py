"""What may be searched: for each noun its prefixes, attributes, operators, order and page sizes.

MLflow's own languages (`mlflow/utils/search_utils.py` 3.17.2) are subsets of these. A noun is the name of what is
searched: `models`, `versions`, `experiments`, `runs`, `logged_models`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from modelkeep.domain import stages
from modelkeep.domain.errors import Invalid
from modelkeep.domain.filter_tokens import shown

TEXT = "text"
INTEGER = "integer"
NUMBER = "number"

ATTRIBUTE = "attribute"
TAG = "tag"
METRIC = "metric"
PARAM = "param"
DATASET = "dataset"

_EQUAL = ("=", "!=", "IN", "NOT IN")
_OPERATORS = {
    TEXT: (*_EQUAL, "LIKE", "ILIKE"),
    INTEGER: (*_EQUAL, "<", "<=", ">", ">="),
    NUMBER: (*_EQUAL, "<", "<=", ">", ">="),
}
_NULLS = ("IS NULL", "IS NOT NULL")


@dataclass(frozen=True, slots=True)
class Term:
    """Something a comparison can name.

    `also` are its other names. `nullable` says that it may be absent, so that IS NULL makes sense. `canonical` turns
    a value compared for equality into the spelling that is stored.
    """

    name: str
    type: str = TEXT
    nullable: bool = False
    sortable: bool = True
    also: tuple[str, ...] = ()
    canonical: Callable[[str], str] = str

    @property
    def operators(self) -> tuple[str, ...]:
        """The operators it may be compared with, upper case."""
        return _OPERATORS[self.type] + (_NULLS if self.nullable else ())


@dataclass(frozen=True, slots=True)
class Order:
    """One key of an order. `dataset` is the (name, digest) a logged model's metric was measured on."""

    kind: str
    key: str
    ascending: bool = True
    dataset: tuple[str | None, str | None] = (None, None)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The search language of one noun.

    `kinds` holds what is named with a prefix and a free key, `attributes` what has a fixed name. `default_order` is
    used when none is asked for, then `tie_break` adds what is missing; `identity` are the attributes that no two
    rows share, so an order that has them all is total. `bare_values` allows text without quotes.
    """

    noun: str
    title: str
    prefixes: Mapping[str, str]
    kinds: Mapping[str, Term]
    attributes: Mapping[str, Term]
    identity: frozenset[str]
    tie_break: tuple[Order, ...]
    default_order: tuple[Order, ...] = ()
    default_results: int = 1000
    most_results: int = 50_000
    zero_means_default: bool = False
    bare_values: bool = False
    datasets: Mapping[str, Term] = field(default_factory=dict)

    def find(self, prefix: str | None, key: str) -> tuple[str, str, Term]:
        """What `prefix.key` names: its kind, the key with aliases resolved, and the term.

        Raises:
            LookupError: there is no such prefix or attribute; its text is the second half of a sentence.
        """
        kind = ATTRIBUTE if prefix is None else self.prefixes.get(prefix)
        if kind is None:
            raise LookupError(
                f"there is no prefix {shown(prefix or '')} in a search of {self.title}; "
                f"use one of {', '.join(self.prefixes)}, or an attribute without a prefix"
            )
        if kind in self.kinds:
            return kind, key, self.kinds[kind]
        known = self.datasets if kind == DATASET else self.attributes
        term = known.get(key)
        if term is None:
            names = ", ".join(dict.fromkeys(other.name for other in known.values()))
            raise LookupError(f"there is no {kind} {shown(key)} of {self.title}; the {kind}s are {names}")
        return kind, term.name, term


def page_size(max_results: int | None, vocabulary: Vocabulary) -> int:
    """How many rows a page holds.

    Raises:
        Invalid: `max_results` is not an integer or out of the noun's bounds.
    """
    if max_results is None or (max_results == 0 and vocabulary.zero_means_default):
        return vocabulary.default_results
    if type(max_results) is not int or not 1 <= max_results <= vocabulary.most_results:
        raise Invalid(
            f"Invalid value {shown(str(max_results))} for parameter 'max_results': "
            f"it must be an integer from 1 to {vocabulary.most_results}."
        )
    return max_results


def _stage(text: str) -> str:
    known = {stage.lower(): stage for stage in stages.STAGES}
    return known.get(text.lower(), text)


def _logged_model_status(text: str) -> str:
    # The names of MLflow's Python enum, and the numbers of mlflow.LoggedModelStatus that its server stores.
    known = {
        "UNSPECIFIED": "LOGGED_MODEL_STATUS_UNSPECIFIED",
        "PENDING": "LOGGED_MODEL_PENDING",
        "READY": "LOGGED_MODEL_READY",
        "FAILED": "LOGGED_MODEL_UPLOAD_FAILED",
        "1": "LOGGED_MODEL_PENDING",
        "2": "LOGGED_MODEL_READY",
        "3": "LOGGED_MODEL_UPLOAD_FAILED",
    }
    return known.get(text.upper(), text)


_PREFIXES = {
    "attribute": ATTRIBUTE,
    "attributes": ATTRIBUTE,
    "attr": ATTRIBUTE,
    "tag": TAG,
    "tags": TAG,
}
_RUN_PREFIXES = {
    "metric": METRIC,
    "metrics": METRIC,
    "param": PARAM,
    "params": PARAM,
    "parameter": PARAM,
    "parameters": PARAM,
}
_TAGS = Term("tag", nullable=True)
_METRICS = Term("metric", NUMBER, nullable=True)
_PARAMS = Term("param", nullable=True)


def _by_name(*terms: Term) -> Mapping[str, Term]:
    return MappingProxyType({name: term for term in terms for name in (term.name, *term.also)})


def _attribute(key: str, *, ascending: bool = True) -> Order:
    return Order(ATTRIBUTE, key, ascending)


MODELS = Vocabulary(
    noun="models",
    title="registered models",
    prefixes=_PREFIXES,
    kinds={TAG: _TAGS},
    attributes=_by_name(
        Term("name"),
        Term("description", nullable=True, sortable=False),
        Term("user_id", nullable=True),
        Term("creation_timestamp", INTEGER),
        Term("last_updated_timestamp", INTEGER, also=("timestamp",)),
        Term("alias", nullable=True, sortable=False, also=("aliases",)),
        Term("current_stage", sortable=False, canonical=_stage),
    ),
    identity=frozenset({"name"}),
    tie_break=(_attribute("name"),),
    default_results=100,
    most_results=1000,
)

VERSIONS = Vocabulary(
    noun="versions",
    title="model versions",
    prefixes=_PREFIXES | _RUN_PREFIXES,
    kinds={TAG: _TAGS, METRIC: _METRICS, PARAM: _PARAMS},
    attributes=_by_name(
        Term("name"),
        Term("version_number", INTEGER, also=("version",)),
        Term("current_stage", canonical=_stage),
        Term("status"),
        Term("alias", nullable=True, sortable=False, also=("aliases",)),
        Term("source_path", sortable=False, also=("source",)),
        Term("run_id", nullable=True),
        Term("description", nullable=True, sortable=False),
        Term("user_id", nullable=True),
        Term("creation_timestamp", INTEGER),
        Term("last_updated_timestamp", INTEGER),
        Term("promoted_at", INTEGER, nullable=True),
    ),
    identity=frozenset({"name", "version_number"}),
    default_order=(_attribute("last_updated_timestamp", ascending=False),),
    tie_break=(_attribute("name"), _attribute("version_number", ascending=False)),
    default_results=200_000,
    most_results=200_000,
)

EXPERIMENTS = Vocabulary(
    noun="experiments",
    title="experiments",
    prefixes=_PREFIXES,
    kinds={TAG: _TAGS},
    attributes=_by_name(
        Term("name"),
        Term("experiment_id", INTEGER),
        Term("artifact_location", sortable=False),
        Term("lifecycle_stage"),
        Term("creation_time", INTEGER),
        Term("last_update_time", INTEGER),
    ),
    identity=frozenset({"experiment_id"}),
    default_order=(_attribute("creation_time", ascending=False), _attribute("experiment_id")),
    tie_break=(_attribute("experiment_id", ascending=False),),
)

RUNS = Vocabulary(
    noun="runs",
    title="runs",
    prefixes=_PREFIXES | _RUN_PREFIXES | {"run": ATTRIBUTE, "dataset": DATASET, "datasets": DATASET},
    kinds={TAG: _TAGS, METRIC: _METRICS, PARAM: _PARAMS},
    attributes=_by_name(
        Term("run_id"),
        Term("run_name", also=("run name", "Run name", "Run Name")),
        Term("status"),
        Term("user_id", nullable=True),
        Term("artifact_uri"),
        Term("start_time", NUMBER, also=("created", "Created")),
        Term("end_time", NUMBER, nullable=True),
    ),
    datasets=_by_name(Term("name", sortable=False), Term("digest", sortable=False), Term("context", sortable=False)),
    identity=frozenset({"run_id"}),
    tie_break=(_attribute("start_time", ascending=False), _attribute("run_id")),
)

LOGGED_MODELS = Vocabulary(
    noun="logged_models",
    title="logged models",
    prefixes=_PREFIXES | _RUN_PREFIXES,
    kinds={TAG: _TAGS, METRIC: _METRICS, PARAM: _PARAMS},
    attributes=_by_name(
        Term("name"),
        Term("model_id"),
        Term("model_type", nullable=True),
        Term("status", canonical=_logged_model_status),
        Term("status_message", nullable=True, sortable=False),
        Term("source_run_id", nullable=True),
        Term("experiment_id", INTEGER),
        Term("artifact_location", sortable=False),
        Term("creation_timestamp", NUMBER, also=("creation_time", "creation_timestamp_ms")),
        Term("last_updated_timestamp", NUMBER, also=("last_updated_time", "last_updated_timestamp_ms")),
    ),
    identity=frozenset({"model_id"}),
    tie_break=(_attribute("creation_timestamp", ascending=False), _attribute("model_id")),
    default_results=50,
    zero_means_default=True,
    bare_values=True,
)

VOCABULARIES: Mapping[str, Vocabulary] = MappingProxyType(
    {each.noun: each for each in (MODELS, VERSIONS, EXPERIMENTS, RUNS, LOGGED_MODELS)}
)
