"""The SageMaker pipeline: its graph, the reviewed snapshot of it, and a linter."""
