"""How well other people's tools see the same batches: each scores them in a virtual environment of its own.

Optional: nothing of the test suite needs it. ``python -m tests.quality.peers.run FOLDER`` reads ``FOLDER/<world>/gold.npy`` and
``FOLDER/<world>/<case>/<NNN>.npy`` and writes ``FOLDER/scores/<peer>.json``; :mod:`tests.quality.peers.score` says what each peer
computes and how its numbers are turned so that higher is more alarming.
"""
