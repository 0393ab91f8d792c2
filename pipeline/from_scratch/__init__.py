"""A course in NumPy: regression, networks, recurrent networks and boosting, one idea a file.

`README.md` is its table of contents. What is here is written to be read; the same methods, made
fast and sturdy enough for a competition, are in pipeline/engines. Nothing is imported here, so that
`import pipeline.from_scratch` costs nothing.
"""
