"""What tests of several layers make: records of studies that nobody had to train."""
