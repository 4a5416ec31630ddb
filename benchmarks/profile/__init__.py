"""Where one step of the served model spends its time, and how near that is to what is possible."""
