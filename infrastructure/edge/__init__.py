"""From the browser to the Lambda: page, CloudFront, firewall, balancer, API and sign-in."""
