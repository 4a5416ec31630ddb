"""The production endpoint: made to serve the newest approved version, and kept that way.

    approval, an ended update, a command  ->  converge  ->  alarms, model, config, update, scaling

Every function compares what is there with what should be, so each may run again at any time.
"""
