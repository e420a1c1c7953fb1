"""How a model becomes files and comes back: one file per flavor, in MLflow's MLmodel format.

Packages of machine learning are imported inside functions only, when a model of theirs is saved or loaded.
"""
