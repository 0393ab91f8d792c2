"""NumPy estimators that are fast enough to compete; `README.md` lists them.

What they compute is in pipeline/from_scratch, in short; tests hold the two to the same numbers.
Nothing is imported here.
"""
