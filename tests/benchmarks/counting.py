"""The work of the interpreter, counted without a clock.

Of everything that could be counted, bytecode instructions and calls of C functions need nothing
installed, are the same in each run and on each machine, and change with the length of the path
through our own code, which is what the engine's overhead is. What NumPy does inside a call is not
seen; that is the same as in code written by hand.
"""

import sys


def work(function):
    """Return how many bytecode instructions run in a call, and how many calls of C functions."""
    instructions = calls = 0

    def trace(frame, event, arg):
        nonlocal instructions
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        instructions += event == "opcode"
        return trace

    def profile(frame, event, arg):
        nonlocal calls
        calls += event == "c_call"

    tracing, profiling = sys.gettrace(), sys.getprofile()
    sys.setprofile(profile)
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(tracing)
        sys.setprofile(profiling)
    return instructions, calls


def work_each(build, few=10, many=110):
    """Return the work that one more operation costs: what `build(n)` returns is called.

    The difference of a long and a short computation leaves out what is done once; a call before
    fills caches, and lets every version of Python notice that instructions are wanted.
    """
    work(build(few))
    short, long = (work(build(n)) for n in (few, many))
    return tuple((b - a) / (many - few) for a, b in zip(short, long, strict=True))
