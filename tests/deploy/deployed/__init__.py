"""Deploys `template.yaml` to MiniStack, an AWS on this machine, and drives it over HTTP.

What runs is what `sam deploy` would run: the template translated by SAM's own translator, the real binaries as
bootstraps, roles enforced as IAM enforces them, and the sandbox in the place of the vendors. Everything that is checked
of each function, route and queue is read from `template.yaml` and `tests/events`, so a new function is checked too.
"""
