"""The commands of `antechamber`, one file per subject."""
