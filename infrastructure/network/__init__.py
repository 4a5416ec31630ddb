"""Who may talk to whom: the VPC, its endpoints, and the table of arrows between the boxes."""
