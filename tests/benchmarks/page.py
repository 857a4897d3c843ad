"""docs/performance.md: a frame, and in it one section for each subject, between markers."""

import re

from . import machine

FRAME = """# Performance

How fast minigrad is on the networks that people learn with, next to its peers and to what NumPy
allows at all. The figures are written by

    python3 dev.py benchmark

which takes about an hour and a half, and installs the peers first; `--only steps` measures one
subject anew and replaces its section here, `--help` lists the options. Each section says on what
machine, with which versions, when and how it was measured.

## How it is measured

- **Every figure in bold is a ratio** of two times of one run: minigrad's divided by the
  contender's. Below 1 minigrad is the faster one. It is the median of the ratios of all rounds; in
  brackets stand the quartiles, between which half of the rounds lie. Absolute times are medians,
  with the least and the greatest. Compare ratios between machines, not times.
- **Contenders take turns.** Each has a process of its own, for in one process the thread pools and
  allocators of several libraries disturb each other. In each round all have a turn, of 0.15
  seconds or of one call if that takes longer, in an order drawn anew, with a pause before each:
  threads that have just worked go on spinning for a while, at the expense of whoever comes next.
- **All compute the same**, and that is checked before anybody is timed: all start from the same
  weights, and after 50 steps losses and parameters agree. The distance to those of the loop written
  by hand may be a ten-thousandth of the norm of the losses, and a hundredth of the norm of what the
  parameters have changed by. Who is farther away is named and not timed. The deep networks take 10
  steps for that, since among so many ReLUs rounding soon lets one switch earlier here than there;
  the wide one takes 5. Keras adds epsilon in another place, and gets one that means the same.
- **Two references** belong to the suite. *NumPy by hand* is the fastest loop we could write without
  any framework: buffers that are used again, everything in place, one flat array of parameters
  (`tests/benchmarks/references.py` says what was tried). *Matrix products alone* are the products
  of such a step and nothing else.
- **Peers are used as their documentation has it**: PyTorch by default, with `fused=True`, and with
  `torch.compile`; JAX with the whole step under `jit`; Keras on JAX with `train_on_batch`, in the
  whole job with `fit`; MyGrad and autograd with their own functions and an optimizer in NumPy.
  Those that are not installed are left out, and named. All use their default number of threads.
- **Goals** are what we set out to reach on a machine with two processors. The tables say which were
  missed.

## Where the time goes

- **Small batches: starting functions.** A step of the small network starts about sixty functions
  of NumPy's and runs through a few hundred lines of Python, whatever the batch. Of the time of a
  step with two neurons in each layer, two thirds are the interpreter's and a quarter is NumPy's
  own start-up of each call (sampled with `perf`). The loop written by hand has only the second
  part: that is the distance to it at batches up to 100, and it does not grow with the batch. JAX,
  which compiles the whole step, has neither.
- **One sample: a column times a row.** That is the gradient of a weight then, and `numpy.matmul`
  has a plain loop for it: about a quarter of the step. `numpy.dot` takes an eighth of the time
  for it, and starts faster for every other product, too.
- **Large batches: memory.** Fresh arrays of half a megabyte cost page faults, a sixth of a step
  with 1000 samples. So the results of large matrix products and of ReLU lie in blocks that are
  used again once nothing refers to them (`minigrad/workspace.py`).
- **Large results of functions of your own** are fresh each time, and on Linux that may be most of
  their cost: glibc gives their memory back to the system, until the program has freed a block
  between them and 32 MB in size (`M_MMAP_THRESHOLD` in mallopt(3)). `np.empty(31 << 20, np.uint8)`,
  a line at the start of a program, does that. `(x * y).backward(g)` with 1000 by 128 numbers then
  took 0.15 ms here instead of 1.5. minigrad does not do it by itself, for it concerns the whole
  process.
- **A node of the walk back** takes some three hundred instructions of the interpreter: how many
  gradients it waits for, whether anything it kept was changed, its rule, whether shape and dtype
  are right, the sum, and letting go of what it kept. PyTorch does that in C++.
- **One array used thousands of times in one call**, as by `np.concatenate`: each of its gradients
  is told all arguments of the call, which takes longer the more there are.
- **Adam: ten passes** over parameters and moments, of which the square root is the slowest.
  Compiled it is one pass, in half the time.

`pip install '.[fast]'` in a clone brings Numba, and then loops are compiled that do the work of
several NumPy functions in one pass: the updates of SGD, Momentum, RMSProp, AdaGrad, Adam and
AdamW, the bias of `Linear`, ReLU and its gradient, and cross-entropy with its gradient. They
stand beside the NumPy code that they replace, and agree with it to rounding. The first call in a
process imports Numba, which takes a second or so; the first ones ever compile, for some seconds,
and what was compiled is kept on disk: short programs are faster without.
`minigrad.use_compiled(False)` or the environment variable `MINIGRAD_COMPILED=0` turns them off.

What was tried and left out, since it gained nothing that could be measured: updating small
parameters together, copied into one flat array; updating large ones in blocks that fit into a
cache.
"""


def with_section(page, name, text, command):
    """Return the page with a section put in place of the one it had, or at the end."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    section = f"{begin}\n\n{text}\n\n{note(command)}\n\n{end}"
    if begin not in page:
        return f"{page.rstrip()}\n\n{section}\n"
    return re.sub(
        f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: section, page, flags=re.DOTALL
    )


def note(command):
    return f"*{machine.description()} `{command}`*"


def with_frame(page):
    """Return the page with the frame as it is now, and the sections that it had."""
    start = page.find("<!-- begin ")
    return FRAME + ("\n" + page[start:] if start >= 0 else "")
