"""Manifests: `_index.yaml` files read into typed, checked entries.

From the file to the entry::

    loader     one YAML text → a tree of nodes (`node`), each with its line and column
    scalars    what a scalar stands for, with `env`: ${env:NAME} in values
    manifest   a folder of manifests → drafts (namespace, name, kind, node)
    overrides  ns:entry:path=value put over the drafts
    kinds      what an entry of each kind may say, as typed specs and references
    plugins    the kinds, and the modules, that installed packages add
    validate   a draft's fields → the kind's spec, with every fault and its place
    entry      what comes out: one checked thing, and the places of all that it says
    graph      references, supervision trees, dependencies, cycles
    source     the Python files that entries name: checked without running (`analysis`), loaded
    check      all of the above in one go, gathering faults
    registry   the entries by id, for everybody else
    amend      a registry with some entries created, updated or deleted, checked in the same way

Beside that way::

    variables  entries of kind `env.variable`: where the value of one is found, and what it is
    mentions   the ids and names that the sources of an application mention
    advice     warnings: what is no fault, and probably not meant
    files      the files themselves: regular ones only, and no larger than they may be
    paths      the same, as they are written for a person
    lock       `echosvc.lock`, which names the folder
    near       what an unknown name probably meant

This package imports none of its modules: take `echosvc._manifest.registry` when you need it, so
that a command which reads no manifest doesn't pay for YAML and validation.
"""
