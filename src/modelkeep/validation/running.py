"""`modelkeep.validate`: measure a version, judge it, and record what came out as evidence about its bytes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelkeep.client import addresses
from modelkeep.client.addresses import OfVersion
from modelkeep.client.versions import resolve
from modelkeep.domain.errors import Conflict, Invalid, ModelkeepError, NotFound, PermissionDenied
from modelkeep.domain.evidence import VALIDATION
from modelkeep.flavors import pyfunc
from modelkeep.validation import answers as asking
from modelkeep.validation import checks as vocabulary
from modelkeep.validation import data, distributions, latency, packages, performance, progress, robustness
from modelkeep.validation.answers import Answers
from modelkeep.validation.checks import Check
from modelkeep.validation.latency import Latency
from modelkeep.validation.performance import NotMeasured
from modelkeep.validation.reports import Judged, Report, judgements
from modelkeep.version import VERSION

if TYPE_CHECKING:
    from modelkeep.client.client import Client
    from modelkeep.client.entities import ModelVersion
    from modelkeep.flavors.pyfunc import PyFuncModel
    from modelkeep.validation.progress import Tell

CHAMPION = "champion"
PRODUCTION = "Production"
TOOL = f"modelkeep {VERSION}"


def validate(
    model_uri: str | os.PathLike[str],
    X: Any,
    y: Any = None,
    *,
    checks: Any = None,
    dataset: Any = None,
    champion: str | None = None,
    latency: Mapping[str, int] | bool | None = None,
    record: bool = True,
    client: Client | None = None,
    uri: str | os.PathLike[str] | None = None,
    trusted_types: Iterable[str] = (),
    trust: bool = False,
) -> Report:
    """Load a version, predict, measure, judge, and record the result as evidence about the version's bytes.

    Args:
        model_uri: `models:/<name>/<version>`, or with a stage or an alias. What is not a registered version, such as a
            folder, can be validated with `record=False`.
        X: a DataFrame or an array.
        y: the true values, or the name of their column in `X`; without them nothing can be said of how right it is.
        checks: what to measure and what it must be, as in docs/validation.md: a dict as `{"roc_auc": ">= 0.85"}` or a list
            as `["roc_auc >= 0.85", "avg_latency_ms <= 100"]`. Without it, what fits the model is measured and nothing
            judged.
        dataset: the name of the data, or a data set of `modelkeep.data`, whose digest is then taken as it is.
        champion: the version that predictions are compared with for `psi` and `ks`; by default the one with the alias
            `champion`, else the newest in Production.
        latency: `{"calls": 100, "rows": 10, "warm_up": 10}`, or False for not measuring it.
        record: add what came out as evidence, of the kind `validation`.
        client, uri: the registry; by default that of the SDK.
        trusted_types, trust: as in `modelkeep.pyfunc.load_model`.
    Returns:
        a report with `passed`, `errors` and `metrics`, as attributes and as keys.
    Raises:
        Invalid: a check means nothing, or the data does not fit together or does not fit the model.
        NotFound: there is no such version, or no champion where one was named.
        Conflict: the version has no files that evidence could be about.
        PermissionDenied: the caller may not record evidence.
        Untrusted: the model needs trust.
        MissingPackage: pandas or scikit-learn is needed and not installed.
    """
    wanted = vocabulary.parse(checks)
    for check in wanted or ():
        performance.check_scorer(check)
        if check.is_performance and y is None:
            raise Invalid(f"'{check.name}' compares with true values. Give them as y.")
    timing = _latency(latency)
    if timing is None and any(check.name in vocabulary.LATENCIES for check in wanted or ()):
        raise Invalid("A latency is to be checked and 'latency' is False. Leave one of the two out.")
    features, truth, digest = data.prepared(X, y)
    name, digest = _dataset(dataset, digest)
    registry = _client(client, uri)
    subject = _subject(registry, os.fspath(model_uri), record)
    with (
        progress.watching(f"Validating {subject.address}") as tell,
        tempfile.TemporaryDirectory(prefix="modelkeep-model-") as folder,
    ):
        tell("loading", 0.0)
        report = Report(subject.address, subject.digest, name, digest, len(features))
        model = _load(registry, subject.address, folder, "model", trusted_types, trust)
        job = _Job(report, model, features, truth, wanted, timing, tell, compares=champion is not None)
        rival = _rival(registry, subject, champion, job)
        if rival is not None:
            tell("asking the champion", 0.1)
            _ask_rival(job, rival, lambda: _load(registry, rival, folder, "champion", trusted_types, trust))
        job.run()
    report.environment = packages.environment()
    if record:
        tell("recording", 1.0)
        report.evidence_id = _record(registry, subject, report)
    return report


def _latency(given: Any) -> Latency | None:
    if given is False:
        return None
    if given is None or given is True:
        return Latency()
    if not isinstance(given, Mapping) or any(key not in Latency.__slots__ for key in given):
        raise Invalid(f"Parameter 'latency' has the settings {', '.join(Latency.__slots__)}, got {given!r:.100}.")
    return Latency(**given)


def _dataset(given: Any, digest: str) -> tuple[str, str]:
    if given is None:
        return "dataset", digest
    if isinstance(given, str) and given:
        return given, digest
    named, own = getattr(given, "name", None), getattr(given, "digest", None)
    if isinstance(named, str) and named and isinstance(own, str):
        return named, own
    raise Invalid(f"Parameter 'dataset' must be a name or a data set of modelkeep.data, got {given!r:.100}.")


def _client(client: Client | None, uri: Any) -> Client:
    if client is not None and uri is not None:
        raise Invalid("Give either the client or the uri of the registry.")
    if client is not None:
        return client
    from modelkeep.client import active
    from modelkeep.client.client import Client

    return active.client() if uri is None else Client(uri)


@dataclass(slots=True)
class _Subject:
    """What is validated: its address and, of a registered version, which one it is."""

    address: str
    name: str | None = None
    number: str | None = None
    digest: str | None = None


def _subject(client: Client, address: str, record: bool) -> _Subject:
    named = addresses.of_version(address)
    if named is None:
        if record:
            raise Invalid(
                f"'{address}' is no registered version, so nothing can be recorded about it. Give "
                "models:/<name>/<version>, or record=False."
            )
        return _Subject(address)
    version = _resolve(client, named)
    found = _Subject(f"models:/{version.name}/{version.version}", version.name, version.version)
    if record and client.whoami().role == "reader":
        raise PermissionDenied(
            "A token with the role reader may not record evidence, so the validation was not begun. Use one with the role "
            "writer, or record=False."
        )
    try:
        found.digest = client.get_model_version_manifest(version.name, version.version).digest
    except NotFound as error:
        if record:
            raise Conflict(
                f"Version {version.version} of '{version.name}' is not pinned to files, so there are no bytes that evidence "
                "could be about. Give record=False to measure all the same."
            ) from error
    return found


def _resolve(client: Client, named: OfVersion) -> ModelVersion:
    try:
        return resolve(client, named)
    except Invalid as error:
        # MLflow's code for a missing alias.
        raise NotFound(error.message) if named.alias is not None else error from None


def _load(
    client: Client, address: str, folder: str, name: str, trusted_types: Iterable[str], trust: bool
) -> PyFuncModel:
    place: str | Path = address
    if address.startswith(("models:/", "runs:/", "mlflow-artifacts:/")):
        to = Path(folder) / name
        to.mkdir()
        place = client.download_uri(address, str(to))
    return pyfunc.load_model(place, trusted_types=trusted_types, trust=trust)


def _rival(client: Client, subject: _Subject, champion: str | None, job: _Job) -> str | None:
    """The address of the version to compare predictions with, None when there is none to compare with."""
    if champion is not None:
        named = addresses.of_version(champion)
        if named is None:
            raise Invalid(f"'{champion}' names no version: write it as models:/<name>@champion.")
        version = _resolve(client, named)
        return f"models:/{version.name}/{version.version}"
    if not job.drifts or subject.name is None:
        return None
    found: ModelVersion | None
    try:
        found = client.get_model_version_by_alias(subject.name, CHAMPION)
    except (Invalid, NotFound):
        found = next(iter(client.get_latest_versions(subject.name, [PRODUCTION])), None)
    if found is None:
        if job.wanted is not None:
            job.report.notes.append(
                f"There is no champion: '{subject.name}' has neither the alias @{CHAMPION} nor a version in {PRODUCTION}. So "
                "the predictions were compared with none."
            )
        return None
    address = f"models:/{found.name}/{found.version}"
    if address == subject.address and job.wanted is None:
        return None  # nobody asked how far it is from itself
    return address


def _ask_rival(job: _Job, address: str, load: Callable[[], PyFuncModel]) -> None:
    job.report.details["champion"] = address
    try:
        job.rival = asking.of(load(), job.features, job.truth)
    except ModelkeepError as error:
        job.rival_error = f"The champion {address} could not be asked: {error.message}"


class _Job:
    """One validation: what is measured goes into the report."""

    def __init__(
        self,
        report: Report,
        model: PyFuncModel,
        features: Any,
        truth: Any,
        wanted: list[Check] | None,
        timing: Latency | None,
        tell: Tell,
        *,
        compares: bool,
    ):
        self.report = report
        self.model = model
        self.features = features
        self.truth = truth
        self.wanted = wanted
        self.timing = timing
        self.tell = tell
        self.rival: Answers | None = None
        self.rival_error: str | None = None
        self.checks = {check.name: check for check in wanted or ()}
        self.drifts = [name for name in vocabulary.DRIFTS if wanted is None or compares or name in self.checks]

    def run(self) -> None:
        """Measure everything that is wanted, and judge it."""
        self.tell("predicting", 0.2)
        answers = asking.of(self.model, self.features, self.truth)
        self._look_for_gaps(answers)
        self._measure_performance(answers)
        self._measure_distribution(answers)
        if self.timing is not None:
            self._measure_latency(self.timing)
        self._measure_robustness()
        for check in self.checks.values():
            self._judge(check)

    def _look_for_gaps(self, answers: Answers) -> None:
        import numpy

        predicted = answers.predictions
        if predicted.dtype.kind == "f":
            gaps = int((~numpy.isfinite(predicted)).sum())
            if gaps:
                self.report.errors.append(f"{gaps:,} of {predicted.size:,} predictions are not finite numbers.")

    def _measure_performance(self, answers: Answers) -> None:
        if self.wanted is None:
            chosen = [] if self.truth is None else performance.defaults(answers, self.truth)
        else:
            chosen = [check for check in self.wanted if check.is_performance]
        sources = self.report.details.setdefault("answers", {})
        for check in chosen:
            try:
                self.report.metrics[check.name], sources[check.name] = performance.measure(
                    check, answers, self.features, self.truth
                )
            except NotMeasured as error:
                self._not_measured(check.name, str(error))

    def _not_measured(self, name: str, why: str) -> None:
        """What was asked for by name and cannot be measured is an error; of the rest it is enough to say so."""
        if name in self.checks:
            self.report.errors.append(why)
        else:
            self.report.notes.append(why)

    def _measure_distribution(self, answers: Answers) -> None:
        try:
            self.report.metrics[vocabulary.MEAN] = distributions.mean(answers)
        except NotMeasured as error:
            if vocabulary.MEAN in self.checks:
                self.report.errors.append(str(error))
        if self.rival_error is not None:
            self._not_measured(next((name for name in self.drifts if name in self.checks), ""), self.rival_error)
        if self.rival is None:
            return
        for name in self.drifts:
            measure = distributions.psi if name == vocabulary.PSI else distributions.ks
            try:
                self.report.metrics[name], self.report.details["answers"][name] = measure(answers, self.rival)
            except NotMeasured as error:
                self._not_measured(name, str(error))

    def _measure_latency(self, timing: Latency) -> None:
        self.tell("measuring the latency", 0.4)
        step = "measuring the latency"
        self.report.metrics |= asking.asked(
            lambda: latency.measure(
                self.model.predict, self.features, timing, lambda share: self.tell(step, 0.4 + share * 0.5)
            )
        )
        rows = min(timing.rows, len(self.features))
        self.report.details["latency"] = {"calls": timing.calls, "rows": rows, "warm_up": timing.warm_up}

    def _measure_robustness(self) -> None:
        for name, measure in (
            (vocabulary.MISSING_COLUMNS, robustness.missing_columns),
            (vocabulary.WRONG_TYPES, robustness.wrong_types),
        ):
            if self.wanted is not None and name not in self.checks:
                continue
            self.tell(name.replace("_", " "), 0.95)
            try:
                found = measure(self.model.predict, self.features)
            except NotMeasured as error:
                self._not_measured(name, str(error))
                continue
            self.report.metrics[name] = found.share
            self.report.details[name] = {
                "answered": found.answered, "refused": found.refused, "faults": found.faults,
            }  # fmt: skip

    def _judge(self, check: Check) -> None:
        value = self.report.metrics.get(check.name)
        if value is None:
            self.report.checks.append(Judged(check.name, None, check.bound, None))
            return
        passed = check.is_met(value) if check.is_bounded else None
        self.report.checks.append(Judged(check.name, value, check.bound, passed))
        if passed is False:
            self.report.errors.append(self._wrong(check, value))

    def _wrong(self, check: Check, value: float) -> str:
        if check.name not in vocabulary.ROBUSTNESS:
            return f"{check.name} is {value:.6g}; it must be {check.bound}."
        faults = self.report.details[check.name]["faults"]
        told = "; ".join(f"'{name}': {why}" for name, why in list(faults.items())[:3])
        return (
            f"{check.name} is {value:.6g}; it must be {check.bound}. The model neither answered nor said what is wrong for "
            f"{len(faults):,} columns: {told}."
        )


def _record(client: Client, subject: _Subject, report: Report) -> str:
    added = client.add_evidence(
        subject.name,
        subject.number,
        kind=VALIDATION,
        passed=report.passed if report.is_judged else None,
        values=report.metrics,
        dataset_name=report.dataset_name,
        dataset_digest=report.dataset_digest,
        tool=TOOL,
        environment=report.environment,
        details={
            "rows": report.rows,
            "errors": report.errors,
            "notes": report.notes,
            "checks": judgements(report.checks),
            **report.details,
        },
    )
    return added.evidence_id
