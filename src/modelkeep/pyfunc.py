"""Any model, and any Python object or function that predicts, as MLflow has them."""

from modelkeep.flavors.predictors import PythonModel, PythonModelContext
from modelkeep.flavors.pyfunc import PyFuncModel, load_model
from modelkeep.flavors.python_models import log_model, save_model

__all__ = ["PyFuncModel", "PythonModel", "PythonModelContext", "load_model", "log_model", "save_model"]
