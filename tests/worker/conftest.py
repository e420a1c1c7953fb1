"""The registry of the verbs' own tests."""

from tests.registry.conftest import actor, reader, registry

__all__ = ["actor", "reader", "registry"]
