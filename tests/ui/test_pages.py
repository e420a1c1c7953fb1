"""What stands on each page."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest

from modelkeep.api.table import CALLS
from modelkeep.domain.actors import Actor
from modelkeep.registry import models, opening, runs, tokens, versions
from tests.support.servers import start_server
from tests.support.wire import Answer, Wire
from tests.ui.conftest import Site
from tests.ui.furnishing import CHURN
from tests.ui.reading import Page, read


def show(site: Site, path: str, status: int = 200) -> Page:
    answer = site.wire.get(path)
    assert answer.status == status, answer.body[:2000]
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return read(answer.body, path)


def words(page: Page) -> str:
    return " ".join(page.text.split())


# Models ------------------------------------------------------------------------------------------------------------


def test_the_first_page_lists_models_with_stages_aliases_and_activity(site: Site) -> None:
    text = words(show(site, "/"))
    assert CHURN in text
    assert "Customer Churn Prediction Model" in text
    assert "Production · v4" in text
    assert "@champion → v4" in text
    assert "given-up was deleted" in text


def test_plain_words_find_models_by_name(site: Site) -> None:
    text = words(show(site, "/?q=CHURN+customer"))
    assert CHURN in text
    assert "No model" not in text
    assert "fraud-detection-realtime" not in text.partition("Recent activity")[0]


@pytest.mark.parametrize("typed", ["current_stage = 'Staging'", "tags.team = 'retention' AND alias = 'champion'"])
def test_a_filter_finds_models(site: Site, typed: str) -> None:
    text = words(show(site, f"/?q={quote(typed)}")).partition("Recent activity")[0]
    assert CHURN in text
    assert "fraud-detection-realtime" not in text


def test_quotes_in_plain_words_are_only_words(site: Site) -> None:
    page = show(site, f"/?q={quote(chr(39) + 's 100%')}")
    assert "it's 100%" in words(page).partition("Recent activity")[0]


def test_a_wrong_filter_is_explained_where_it_was_typed(site: Site) -> None:
    page = show(site, f"/?q={quote('nmae = 1 <script>')}", 400)
    assert any(field.get("value") == "nmae = 1 <script>" for field in page.all("input"))
    assert "nmae" in words(page)


def test_a_search_that_finds_nothing_says_what_to_do(site: Site) -> None:
    assert "No model matches zebra" in words(show(site, "/?q=zebra"))


@pytest.mark.parametrize("path", ["/?page=bogus", "/?sort=size", "/?" + "a=1&" * 300, "/activity?before=x"])
def test_a_wrong_query_is_a_readable_400(site: Site, path: str) -> None:
    assert show(site, path, 400).all("h1")


def test_walking_the_pages_meets_every_model_once(tmp_path: Path) -> None:
    opening.prepare(tmp_path / "data")
    registry = opening.open_registry(tmp_path / "data")
    for number in range(60):
        models.create(Actor("ann", "admin", True, "embedded"), registry, f"model-{number:02}")
    opening.close(registry)
    met: list[str] = []
    with start_server(tmp_path / "data") as running:
        wire, path = Wire(running.url), "/?sort=name"
        while path:
            page = read(wire.get(path).body, path)
            met += [link.removeprefix("/models/") for link in page.links if link.startswith("/models/model-")]
            path = next((str(a["href"]) for a in page.all("a") if a.get("rel") == "next"), "")
            met = list(dict.fromkeys(met))
    assert sorted(met) == [f"model-{number:02}" for number in range(60)]


def test_a_model_shows_its_card_versions_and_history(site: Site) -> None:
    page = show(site, f"/models/{CHURN}")
    text = words(page)
    assert "Predicts the probability of a customer" in text
    assert "Version 4" in text
    assert "forest-4" in text
    assert "validation_status passed" in text
    assert "@champion moved from version 3 to version 4" in text
    assert "Version 3 moved from Production to Archived (cause: version 4 took its place)" in text


def test_a_description_cannot_bring_html_or_scripts(site: Site) -> None:
    page = show(site, f"/models/{CHURN}")
    assert '<script>alert("card")</script>' in words(page)
    assert not page.all("script")
    assert not [link for link in page.links if link.startswith("javascript:")]


def test_a_stage_narrows_the_versions_down(site: Site) -> None:
    text = words(show(site, f"/models/{CHURN}?stage=staging")).partition("Description")[0]
    assert "Version 2" in text
    assert "Version 4" not in text


def test_an_unknown_stage_is_a_400(site: Site) -> None:
    assert "must be one of" in words(show(site, f"/models/{CHURN}?stage=Prod", 400))


@pytest.mark.parametrize(
    "path",
    [
        "/models/nobody",
        f"/models/{CHURN}/versions/99",
        f"/models/{CHURN}/versions/1",
        f"/models/{CHURN}/nothing",
        "/experiments/987654",
        "/runs/nobody",
        "/logged-models/m-nobody",
        "/models/a/b/c/d",
        "/static/style.000000000000.css",
        "/models/%ff",
        "/models//versions/1",
        "/runs/%27%20OR%201",
    ],
)
def test_what_is_not_there_is_a_readable_404(site: Site, path: str) -> None:
    assert "Nothing is here" in words(show(site, path, 404))


@pytest.mark.parametrize(
    "path",
    ["/models/%00", "/models/a%00b/versions/1", f"/models/{CHURN}/versions/abc", "/experiments/abc", "/runs/%00"],
)
def test_an_address_that_cannot_be_is_a_readable_400(site: Site, path: str) -> None:
    assert "That cannot be shown" in words(show(site, path, 400))


@pytest.mark.parametrize("path", ["/?q=%00", "/activity?model=%00&actor=%00", f"/models/{CHURN}?page=%00", "/?q=%ff"])
def test_no_page_holds_what_html_cannot(site: Site, path: str) -> None:
    answer = site.wire.get(path)
    assert answer.status in (200, 400)
    assert b"\0" not in answer.body


def test_an_unknown_path_outside_the_pages_stays_a_json_404(site: Site) -> None:
    assert site.wire.get("/nothing-here").json["error_code"] == "ENDPOINT_NOT_FOUND"


def test_head_answers_without_a_body(site: Site) -> None:
    answer = site.wire.send("HEAD", "/")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["content-length"]) > 1000


def test_files_of_pages_may_be_kept_for_ever(site: Site) -> None:
    style = next(link for link in show(site, "/").links if link.endswith(".css"))
    answer = site.wire.get(style)
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/css")


# Versions ----------------------------------------------------------------------------------------------------------


def test_a_version_shows_what_is_on_it_and_behind_it(site: Site) -> None:
    text = words(show(site, f"/models/{CHURN}/versions/4"))
    for expected in (
        "Number 4, trained on more data.",
        "0.9",
        "max_depth",
        "MLmodel",
        "data/model.skops",
        "5.9 KiB",
        "pinned: 2 files",
    ):
        assert expected in text, expected
    assert 'load_model("models:/customer-churn-classifier@champion")' in text


def test_a_file_of_a_version_can_be_downloaded_from_its_page(site: Site) -> None:
    link = next(link for link in show(site, f"/models/{CHURN}/versions/4").links if "MLmodel" in link)
    answer = site.wire.get(link)
    assert (answer.status, answer.body) == (200, b"flavors: {}\n" * 4)


def test_a_version_of_an_unknown_run_says_so(site: Site) -> None:
    assert "Run unknown is not known here" in words(show(site, "/models/.hidden/versions/1"))


def test_a_run_link_that_is_no_web_address_is_no_link(site: Site) -> None:
    page = show(site, "/models/.hidden/versions/1")
    assert "javascript:x()" in page.text
    assert not [link for link in page.links if link.startswith("javascript:")]


def test_versions_side_by_side_mark_what_differs(site: Site) -> None:
    page = show(site, f"/models/{CHURN}/compare?versions=2,3,4")
    text = words(page)
    assert "auc ≠ differs 0.85 0.875 0.9" in text
    assert "criterion gini gini gini" in text
    assert "f1 NaN NaN NaN" in text
    assert sum("differs" in str(row.get("class")) for row in page.all("tr")) == 4


def test_versions_side_by_side_can_leave_out_what_is_equal(site: Site) -> None:
    text = words(show(site, f"/models/{CHURN}/compare?versions=3,4&only=differences"))
    assert "auc" in text
    assert "criterion" not in text


def test_ticked_versions_are_compared(site: Site) -> None:
    assert "Versions 2, 4 of" in words(show(site, f"/models/{CHURN}/compare?version=2&version=4"))


@pytest.mark.parametrize("query", ["", "versions=3"])
def test_fewer_than_two_versions_ask_for_more(site: Site, query: str) -> None:
    assert "Version numbers" in words(show(site, f"/models/{CHURN}/compare?{query}"))


@pytest.mark.parametrize(
    ("versions", "status"), [("2,x", 400), ("2,99", 404), (",".join(str(n) for n in range(1, 40)), 400)]
)
def test_versions_that_cannot_be_compared_are_explained(site: Site, versions: str, status: int) -> None:
    show(site, f"/models/{CHURN}/compare?versions={versions}", status)


# Experiments, runs, logged models ----------------------------------------------------------------------------------


def test_an_experiment_shows_its_runs_with_their_numbers(site: Site) -> None:
    text = words(show(site, f"/experiments/{site.put.experiment_id}"))
    assert "What we tried." in text
    assert "forest-4 Finished" in text
    assert "max_depth" in text
    assert "0.875" in text


def test_a_filter_finds_runs(site: Site) -> None:
    path = f"/experiments/{site.put.experiment_id}?q={quote('metrics.auc > 0.88')}"
    text = words(show(site, path))
    assert "forest-4" in text
    assert "forest-3" not in text


def test_a_run_shows_all_it_logged(site: Site) -> None:
    page = show(site, f"/experiments/{site.put.experiment_id}/runs/{site.put.run_ids[3]}")
    text = words(page)
    for expected in ("loss", "max_depth", "orders", "a1b2c3d4", "training", "plots/roc & <pr>.svg", "1 min 23 s"):
        assert expected in text, expected
    assert f"{CHURN} version 4" in text
    assert [svg["aria-label"] for svg in page.all("svg")] == ["history of loss"]


def test_a_run_is_found_without_its_experiment_and_not_in_another(site: Site) -> None:
    run_id = site.put.run_ids[0]
    show(site, f"/runs/{run_id}")
    show(site, f"/experiments/0/runs/{run_id}", 404)


def test_a_logged_model_shows_its_files_and_versions(site: Site) -> None:
    text = words(show(site, f"/experiments/{site.put.experiment_id}/models/{site.put.logged_model_id}"))
    assert "MLmodel" in text
    assert f"{CHURN} version 4" in text
    assert "forest-4" in text


# Activity and API --------------------------------------------------------------------------------------------------


def test_the_activity_can_be_narrowed_down(site: Site) -> None:
    text = words(show(site, f"/activity?model={CHURN}&actor=ann&kind=alias.moved"))
    assert "@challenger" in text
    assert "moved from version 3" not in text  # that was bob
    assert "Registered model" not in text


def test_walking_the_activity_meets_every_event_once(site: Site) -> None:
    met: list[int] = []
    path = "/activity"
    while path:
        answer = site.wire.get(path)
        page = read(answer.body, path)
        met += [int(part.split("</td>")[0]) for part in answer.body.decode().split('data-label="Position">')[1:]]
        path = next((str(a["href"]) for a in page.all("a") if a.get("rel") == "next"), "")
    assert len(met) > 50
    assert met == sorted(set(met), reverse=True)
    assert met[-1] == 1


def test_a_deleted_model_is_told_of_without_a_link(site: Site) -> None:
    page = show(site, "/activity")
    assert "given-up was deleted" in words(page)
    assert "/models/given-up" not in page.links


def test_the_reference_has_every_call(site: Site) -> None:
    text = words(show(site, "/api")).replace(" ", "")
    for call in CALLS:
        assert f"{call.method}/api/{call.version}/{call.path}{call.summary}".replace(" ", "") in text


# Nothing there yet, and who may look -------------------------------------------------------------------------------


def test_an_empty_registry_says_what_to_do(empty: Site) -> None:
    for path in ("/", "/experiments/0", "/experiments?q=zzz"):
        show(empty, path)
    text = words(show(empty, "/"))
    assert "No models yet" in text
    assert f'mlflow.set_tracking_uri("{empty.url}")' in text
    assert "registered_model_name=" in text
    Wire(empty.url).post("/api/2.0/mlflow/registered-models/create", name="first 'one'")
    assert "register_model(" in words(show(empty, "/models/first%20%27one%27"))


def test_with_authentication_pages_need_a_token_and_say_so_in_their_code(tmp_path: Path) -> None:
    opening.prepare(tmp_path / "data")
    registry = opening.open_registry(tmp_path / "data")
    secret = tokens.create(Actor("root", "admin", True, "embedded"), registry, "rae", "reader").secret
    opening.close(registry)
    with start_server(tmp_path / "data", "--auth") as running:
        refused: Answer = Wire(running.url).get("/")
        assert refused.status == 401
        assert refused.headers["www-authenticate"].startswith("Basic")
        answer = Wire(running.url, secret).get("/")
    assert answer.status == 200
    assert b"MLFLOW_TRACKING_TOKEN" in answer.body


def test_a_deleted_run_is_shown_as_deleted(tmp_path: Path) -> None:
    ann = Actor("ann", "admin", True, "embedded")
    opening.prepare(tmp_path / "data")
    registry = opening.open_registry(tmp_path / "data")
    run = runs.create(ann, registry, 0, run_name="mistake")
    runs.delete(ann, registry, run.id)
    models.create(ann, registry, "m")
    versions.register(ann, registry, "m", f"runs:/{run.id}/model", run.id)
    opening.close(registry)
    with start_server(tmp_path / "data") as running:
        wire = Wire(running.url)
        assert b"is deleted" in wire.get(f"/runs/{run.id}").body
        assert b"mistake" not in wire.get("/experiments/0").body
        assert b"mistake" in wire.get("/experiments/0?deleted=yes").body
        assert wire.get("/models/m/versions/1").status == 200
