"""Guesses tokens that the next step verifies: several tokens for the price of one step."""
