"""Attention over paged keys and values: one transformers-facing function, several kernels."""
