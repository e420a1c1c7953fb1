"""A model registry that speaks MLflow's API."""

from modelkeep.version import VERSION as __version__

__all__ = ["__version__"]
