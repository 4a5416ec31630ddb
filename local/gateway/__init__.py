"""CloudFront, load balancer and REST API in one small server: what stands before the Lambda."""
