"""From folders of audio to clips and splits: what is heard, by whom, and who may test whom."""
