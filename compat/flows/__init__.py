"""What a reader of the article does with `mlflow`, step by step.

Runs inside a client's environment, so it needs nothing but `mlflow`, scikit-learn, pandas and the standard library.
"""
