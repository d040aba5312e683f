"""The registry as a private service: the interface's methods over a unix socket or TLS.

`operations` makes the calls from the interface's annotations, `signature` tells whether two releases understand each
other, `faults` carries errors, `frames` bounds what is read, `access` proves who is there, `recent` keeps a write from
being done twice; `server` and `remote` are the two ends.
"""
