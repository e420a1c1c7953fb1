"""What stock `mlflow` clients of several releases can do with this server: see `python -m compat --help`."""
