"""Manifests: `_index.yaml` files read into typed, checked entries.

From the file to the entry::

    loader     one YAML text → a tree of nodes (`node`), each with its line and column
    scalars    what a scalar stands for, with `env`: ${env:NAME} in values
    manifest   a folder of manifests → drafts (namespace, name, kind, node)
    overrides  ns:entry:path=value put over the drafts
    kinds      what an entry of each kind may say, as typed specs and references
    validate   a draft's fields → the kind's spec, with every fault and its place
    graph      references, supervision trees, dependencies, cycles
    source     the Python files that entries name: checked without running (`analysis`), loaded
    check      all of the above in one go, gathering faults
    registry   the entries by id, for everybody else
    lock       `echosvc.lock`, which names the folder
    near       what an unknown name probably meant

This package imports none of its modules: take `echosvc._manifest.registry` when you need it, so
that a command which reads no manifest doesn't pay for YAML and validation.
"""
