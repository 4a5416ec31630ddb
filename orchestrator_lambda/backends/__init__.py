"""Backends: a SageMaker endpoint, an EC2 fleet, both behind one interface and one router."""
