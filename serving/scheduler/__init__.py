"""Decides what each step computes. Plain data in, plain data out; imports no torch."""
