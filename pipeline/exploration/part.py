"""A section of the exploration page, before its figures are drawn."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline import page
from pipeline.figures import Draft, Plot

Drawing = Callable[[], Draft]


@dataclass(frozen=True)
class Part:
    """`before` and `after` are the blocks around the figures, which `drawings` draw one by one.

    `conclusion` (sentences, or '') and `facts` (boxes: name, value, note) go to the top of the
    page.
    """

    id: str
    title: str
    before: Sequence[page.Block] = ()
    drawings: Sequence[Drawing] = ()
    after: Sequence[page.Block] = ()
    gallery: bool = False
    conclusion: str = ""
    facts: Sequence[tuple[str, str, str]] = ()

    def section(self, plots: Sequence[Plot]) -> page.Section:
        shown = [page.Gallery(plots)] if self.gallery else [page.Wide(plot) for plot in plots]
        return page.Section(self.id, self.title, [*self.before, *shown, *self.after])
