"""How fast minigrad is, against its peers and against NumPy code written by hand.

    python3 dev.py benchmark                      all of it, written into docs/performance.md
    python3 dev.py benchmark --only steps         one subject, and its section of the page
    python3 dev.py benchmark --smoke              each benchmark once, small: do all agree?

or ``python -m tests.benchmarks`` with any Python that has NumPy, minigrad and some of the peers.
"""
