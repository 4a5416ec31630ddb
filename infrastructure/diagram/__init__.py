"""The picture of the edge, drawn from what was synthesised: it cannot promise what is not there."""
