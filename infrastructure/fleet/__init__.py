"""Instances of our own with the same image, behind an internal balancer: the second backend."""
