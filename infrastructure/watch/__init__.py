"""What is seen of a stage, and who is told when something is wrong."""
