"""Networks and their training: front end, augmentation, backbone, head, objective."""
