"""History in DynamoDB and S3: what was acknowledged is here, once and in order."""
