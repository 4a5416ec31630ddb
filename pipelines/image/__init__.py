"""The serving image in the account: found by its fingerprint, built, gated, and answered for.

    callback step --message--> builder: image there? --no--> CodeBuild (build.sh) --its end--.
                                  |  ^                                                       |
                                  |  '--- the same message again, later <--------------------'
                                  '--yes--> gate: scan, signature --> answer to the step

`builder.py` says what is done when; `build.sh` is what CodeBuild runs.
"""
