"""Signatures and what an MLmodel file says, with MLflow's names."""

from modelkeep.flavors.inferring import infer_signature
from modelkeep.flavors.mlmodels import MLmodel as Model
from modelkeep.flavors.signatures import ColSpec, ModelSignature, ParamSchema, ParamSpec, Schema, TensorSpec

__all__ = ["ColSpec", "Model", "ModelSignature", "ParamSchema", "ParamSpec", "Schema", "TensorSpec", "infer_signature"]
