"""YAMNet (Plakal and Ellis, 2019) as a serbench backbone with its own front end."""
