"""Which instances a model fits on, how many sessions stay warm there, and what it costs."""
