"""`modelkeep.data.from_pandas` and `from_numpy`, as MLflow has them: data sets for `log_input`."""

from modelkeep.client.datasets import Dataset, NumpyDataset, PandasDataset, from_numpy, from_pandas

__all__ = ["Dataset", "NumpyDataset", "PandasDataset", "from_numpy", "from_pandas"]
