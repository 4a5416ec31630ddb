"""The scripts of the pipeline's steps; the same run in a processing job and on a laptop."""
