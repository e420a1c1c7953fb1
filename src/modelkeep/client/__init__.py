"""The SDK: clients of a registry, over HTTP or in process. Importing it loads no server package."""
