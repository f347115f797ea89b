"""The only package that imports mlflow: runs, metrics, figures, datasets and the registry."""
