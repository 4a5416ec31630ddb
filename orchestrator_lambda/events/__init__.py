"""Events of AWS's front doors: into one kind of request, and the answer back into their shape."""
