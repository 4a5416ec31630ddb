"""Public fakes for tests of pipelines: ours, and those of whoever builds on them."""
