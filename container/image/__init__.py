"""How the image is made; none of it is in the image."""
