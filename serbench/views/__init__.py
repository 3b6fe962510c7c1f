"""What people see, computed once."""
