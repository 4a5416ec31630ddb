"""Everything the pipeline needs in an account, as one CloudFormation template."""
