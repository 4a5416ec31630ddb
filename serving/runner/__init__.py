"""Turns scheduled chunks into tokens with a transformers model."""
