"""The CDK finds its Node before the first test imports it."""

from infrastructure import node

node.prepare()
