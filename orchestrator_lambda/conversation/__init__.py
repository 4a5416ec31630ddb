"""The rules of a conversation: plain data and pure functions, no boto3, no redis."""
