"""YAMNet (Plakal and Ellis, 2019) as a serbench backbone with a front end of its own."""
