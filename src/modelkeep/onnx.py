"""Models of ONNX: `save_model`, `log_model` and `load_model`, as MLflow has them."""

from modelkeep.flavors.onnx import load_model, log_model, save_model

__all__ = ["load_model", "log_model", "save_model"]
