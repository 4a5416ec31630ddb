"""The AWS edge as code: one CDK app that deploys every box of the architecture."""
