"""Print a file of folds for RAVDESS: actors 13 to 16 are the holdout. Argument: its folder."""

import csv
import pathlib
import sys

emotions = {"01", "03", "04", "05", "06", "07"}
writer = csv.writer(sys.stdout, lineterminator="\n")
writer.writerow(["path", "fold"])
for clip in sorted(pathlib.Path(sys.argv[1]).glob("Actor_*/*")):
    actor = int(clip.stem[-2:])
    if clip.stem[6:8] in emotions:
        writer.writerow([f"{clip.parent.name}/{clip.name}", "holdout" if actor > 12 else "rest"])
