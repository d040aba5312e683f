"""The test suites that others wrote for the Image API, run unchanged against ours and against the real Glance.

`make conformance` runs them all; `python -m tests.conformance.suites --help` tells how to run less. Suites: tempest's
image tests with glance-tempest-plugin, openstacksdk's and python-glanceclient's functional tests (all against a real
Keystone), and Glance's own functional tests, whose in-process service is exchanged for ours.
"""
