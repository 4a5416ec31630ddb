"""How well an endpoint answers: perplexity on a text of our own, and suites of prompts."""
