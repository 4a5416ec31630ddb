"""Our own CPU kernels: a decoder of the Llama family as one call a step, compiled at first use."""
