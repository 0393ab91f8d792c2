"""Fits on the workers of a Dask cluster, which share the store's folder."""
