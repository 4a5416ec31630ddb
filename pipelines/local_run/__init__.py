"""The pipeline's steps in order on this machine, with a server of our own as the endpoint."""
