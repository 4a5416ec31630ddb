"""From weights to a live endpoint: check, plan, build, evaluate, register, deploy, roll back."""
