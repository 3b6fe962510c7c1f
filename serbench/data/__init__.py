"""From folders of audio to datasets, clips and splits."""
