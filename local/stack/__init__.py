"""The whole architecture on one machine: which parts there are, started in order, all stopped."""
