"""The SageMaker endpoint: one that exists, one of ours, or one of inference components."""
