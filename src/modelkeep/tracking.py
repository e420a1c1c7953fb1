"""`from modelkeep.tracking import MlflowClient`, as MLflow has it."""

from modelkeep.client.client import Client
from modelkeep.client.client import Client as MlflowClient

__all__ = ["Client", "MlflowClient"]
