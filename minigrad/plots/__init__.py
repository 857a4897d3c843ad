"""Pictures of training and of predictions, drawn with matplotlib.

Every function returns a `matplotlib.figure.Figure` of its own and leaves `matplotlib.pyplot` and
its list of open figures alone: write it with ``figure.savefig("name.png")``; in a notebook, after
``%matplotlib inline``, it shows itself as the last value of a cell.

The colours are Okabe and Ito's, which people with any colour vision can tell apart, and nothing is
said by colour alone.
"""

from minigrad.plots.confusion import plot_confusion
from minigrad.plots.curves import plot_history
from minigrad.plots.images import plot_images
from minigrad.plots.regions import plot_decision_regions

__all__ = ["plot_confusion", "plot_decision_regions", "plot_history", "plot_images"]
