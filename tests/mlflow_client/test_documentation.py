"""The article: "Model Documentation"."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.mlflow_client.refusals import refused

if TYPE_CHECKING:
    from mlflow import MlflowClient

MODEL_CARD = """
# Customer Churn Prediction Model
## Purpose
Predicts probability of customer churning within the next 30 days.
## Input Features
- total_orders: Total number of orders placed
- lifetime_value: Total customer spend
- days_since_last_order: Days since most recent order
- avg_order_value: Average order amount
## Output
Probability between 0 and 1 indicating churn likelihood.
## Performance
- AUC: 0.92
- Precision@0.5: 0.85
- Recall@0.5: 0.78
## Owner
Data Science Team (ds-team@company.com)
## SLA
- Latency: <100ms p99
- Availability: 99.9%
"""


def test_markdown_comes_back_character_by_character(client: MlflowClient, churn: str) -> None:
    updated = client.update_registered_model(name=churn, description=MODEL_CARD)

    assert updated.description == client.get_registered_model(churn).description == MODEL_CARD


def test_a_description_may_be_long_and_in_any_language(client: MlflowClient, churn: str) -> None:
    text = "Kündigungsrisiko 客户流失 🏆\r\n\t" * 500

    client.update_registered_model(churn, description=text)

    assert client.get_registered_model(churn).description == text


def test_documenting_a_model_leaves_its_versions_and_tags_alone(client: MlflowClient, churn: str) -> None:
    client.create_model_version(churn, source="s3://models/churn/1", description="The first")
    client.set_registered_model_tag(churn, "team", "growth")
    before = client.get_model_version(churn, "1")

    client.update_registered_model(churn, description=MODEL_CARD)

    assert dict(client.get_model_version(churn, "1")) == dict(before)
    assert client.get_registered_model(churn).tags == {"team": "growth"}


def test_a_new_description_is_a_change_of_the_model(client: MlflowClient, churn: str) -> None:
    before = client.get_registered_model(churn)
    until_the_next_millisecond(before.last_updated_timestamp)

    client.update_registered_model(churn, description=MODEL_CARD)

    after = client.get_registered_model(churn)
    assert after.creation_timestamp == before.creation_timestamp
    assert after.last_updated_timestamp > before.last_updated_timestamp


def until_the_next_millisecond(timestamp: int) -> None:
    while time.time_ns() // 1_000_000 <= timestamp:
        pass


def test_documenting_a_missing_model_is_an_error(client: MlflowClient, model_name: str) -> None:
    with refused("RESOURCE_DOES_NOT_EXIST", saying=f"Registered Model with name={model_name} not found"):
        client.update_registered_model(model_name, description=MODEL_CARD)
