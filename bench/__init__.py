"""Modelkeep and MLflow side by side, under the same load: `python -m bench`."""
