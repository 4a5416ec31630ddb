"""The model artifact: checked, listed by a manifest, laid out as SageMaker expects it."""
