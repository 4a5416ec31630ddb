"""The endpoint that is tried: a server of our own by its URL, a SageMaker endpoint by its name."""
