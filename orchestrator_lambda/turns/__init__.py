"""From a question to a stored answer: turns are begun, produced, followed and gone on with."""
