"""How the boxes are cut into stacks: what keeps data apart from what is replaced often."""
