"""The registry of the verbs' own tests."""

from tests.registry.conftest import actor, database, reader, registry, used_database

__all__ = ["actor", "database", "reader", "registry", "used_database"]
