"""Who asks: tokens, IAM principals, authorizers' claims; all become one opaque user id."""
