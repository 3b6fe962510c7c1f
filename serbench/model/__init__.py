"""One network, one fold: front end, augmentation, backbone, training, metrics."""
