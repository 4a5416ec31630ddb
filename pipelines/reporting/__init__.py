"""What was found out, for people: Markdown, one HTML file with its plots, and the model card."""
