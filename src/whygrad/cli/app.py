"""The verbs and what each is for; each verb's module is loaded only when it is used."""

from __future__ import annotations

from cyclopts import App, Group

from whygrad import __version__

run = Group("Run: train a network on a table, keep it, use it", sort_key=1)
look = Group("Look: what does it do, and does it agree?", sort_key=2)

app = App(
    name="whygrad",
    help="Backpropagation you can open: train a dense network on a table, and see why every weight moved.",
    help_epilogue=(
        "SUBJECT is a built-in example (students, placement, xor), a table (with --target), or a model file. "
        "Try: whygrad train students"
    ),
    version=f"whygrad {__version__}",
    help_format="plaintext",
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
app.command("whygrad.cli.train:train", name="train", group=run, help="Train on an example or a table.")
app.command("whygrad.cli.use:evaluate", name="evaluate", group=run, help="How good is a model on a table?")
app.command("whygrad.cli.use:predict", name="predict", group=run, help="What does a model say about new rows?")
app.command("whygrad.cli.show:show", name="show", group=run, help="Look into a model file or an example.")
app.command("whygrad.cli.compare:compare", name="compare", group=look, help="The same run in other libraries.")
