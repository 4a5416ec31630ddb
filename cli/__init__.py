"""The `keepwarm` command: thin commands over the other rooms."""
