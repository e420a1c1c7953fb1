"""What the pages show of policies, evidence and forced promotions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelkeep.domain.actors import Actor
from modelkeep.domain.artifacts import root_of
from modelkeep.registry import evidence, models, opening, policies, promotions, runs, versions
from tests.registry.storing import store
from tests.support.servers import start_server
from tests.support.wire import Wire

ANN = Actor("ann", "admin", True, "embedded")
MODEL = "guarded <model>"


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    folder: Path = tmp_path_factory.mktemp("guarded") / "data"
    opening.prepare(folder)
    registry = opening.open_registry(folder)
    models.create(ANN, registry, MODEL)
    for number in (1, 2):
        run = runs.create(ANN, registry, experiment_id="0")
        store(registry, f"{root_of(run.artifact_uri)}/model/weights", f"weights {number}".encode())
        versions.register(ANN, registry, MODEL, f"runs:/{run.id}/model", run.id)
        values = {"auc": 0.75 + number / 10, **{f"k{each}": float(each) for each in range(6)}}
        evidence.add(ANN, registry, "scan", MODEL, number, passed=number == 1, values=values, dataset_name="<holdout>")
    policies.apply(
        ANN,
        registry,
        {
            "policy": "gate", "models": ["guarded*"], "targets": ["Production", "@champion"],
            "description": "what <b>Production</b> means", "rules": [{"evidence": "scan"}],
        },
    )  # fmt: skip
    promotions.promote(ANN, registry, MODEL, 1, "@champion")
    promotions.promote(ANN, registry, MODEL, 2, "Production", force=True, reason="the board <script>wants</script> it")
    opening.close(registry)
    with start_server(folder) as running:
        yield Wire(running.url)


def page(wire: Wire, path: str) -> str:
    answer = wire.get(path)
    assert answer.status == 200
    return answer.body.decode()


def test_a_model_shows_its_policies_and_what_would_be_refused_today(wire: Wire) -> None:
    text = page(wire, "/models/guarded%20%3Cmodel%3E")

    assert "<b>gate</b> guards Production, @champion" in text
    assert text.count("would be refused today") == 1
    assert "says that it did not pass" in text
    assert "<b>Production</b> means" not in text


@pytest.mark.parametrize("path", ["/models/guarded%20%3Cmodel%3E", "/models/guarded%20%3Cmodel%3E/versions/2"])
def test_a_forced_promotion_stands_in_every_view(wire: Wire, path: str) -> None:
    text = page(wire, path)

    assert "Forced past a policy" in text
    assert "<script>wants" not in text and "&lt;script&gt;wants" in text
    assert "modelkeep override close" in text


def test_it_does_not_stand_on_the_page_of_another_version(wire: Wire) -> None:
    assert "Forced past a policy" not in page(wire, "/models/guarded%20%3Cmodel%3E/versions/1")


def test_a_version_shows_its_evidence(wire: Wire) -> None:
    first, second = (page(wire, f"/models/guarded%20%3Cmodel%3E/versions/{number}") for number in (1, 2))

    assert 'badge passed">passed' in first and 'badge failed">failed' in second
    assert 'auc <span class="number" title="0.85">0.85</span>' in first and "+1</span>" in first
    assert "&lt;holdout&gt;" in first
