"""Reading other registries, and bringing what they have into one of ours. Neither MLflow nor SQLAlchemy is needed."""
