"""The verbs and what each is for; each verb's module is loaded only when it is used."""

from __future__ import annotations

from cyclopts import App, Group

from whygrad import __version__

run = Group("Run: train a network on a table, keep it, use it", sort_key=1)
why = Group("Why: why has this weight this gradient, and is mine right?", sort_key=2)
look = Group("Look: what does it do, and does it agree?", sort_key=3)

app = App(
    name="whygrad",
    help="Backpropagation you can open: train a dense network on a table, and see why every weight moved.",
    help_epilogue=(
        "SUBJECT is a built-in example (students, placement, xor, chain), a table (with --target), or a model "
        "file. Try: whygrad train students"
    ),
    version=f"whygrad {__version__}",
    help_format="plaintext",
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
app.command(
    "whygrad.cli.train:train",
    name="train",
    group=run,
    sort_key=1,
    help="Train a network on an example or a table, watch it, keep it.",
    help_epilogue="""Examples:
  whygrad train students
  whygrad train houses.csv --target price --hidden 64,32 --validation 0.2 --out houses.whygrad
  whygrad train --resume houses.whygrad --epochs 200""",
)
app.command(
    "whygrad.cli.use:evaluate",
    name="evaluate",
    group=run,
    sort_key=2,
    help="Measure a model on a table: loss, R2, RMSE; or accuracy, each class, confusion matrix, AUC.",
    help_epilogue="Example: whygrad evaluate houses.whygrad test.csv",
)
app.command(
    "whygrad.cli.use:predict",
    name="predict",
    group=run,
    sort_key=3,
    help="Predict for every row of a table.",
    help_epilogue="Example: whygrad predict houses.whygrad new.csv --out predictions.csv",
)
app.command(
    "whygrad.cli.show:show",
    name="show",
    group=run,
    sort_key=4,
    help="Look into a model file or an example: network, parameters, encoding, history.",
    help_epilogue="Example: whygrad show houses.whygrad",
)
app.command(
    "whygrad.cli.explain:explain",
    name="explain",
    group=why,
    sort_key=5,
    help="Open one row's backpropagation: forward in numbers, every derivative, what the update does.",
    help_epilogue="""Examples:
  whygrad explain students --row 1
  whygrad explain students --row 1 --weight W_111
  whygrad explain houses.whygrad --row 7 --weight W_213 --at end
  whygrad explain students --weight W_111 --out why.html""",
)
exercise = App(
    name="exercise",
    help="Worksheets to work backpropagation by hand, and marks that follow an error through.",
    help_epilogue="""Examples:
  whygrad exercise make --layers 2,2,1 --activation sigmoid --loss bce --seed 3 --out sheet.html --key key.html
  whygrad exercise make --roster ids.csv --out sheets --key keys
  whygrad exercise mark answers --exercise sheets/exercise.toml --out grades.csv --feedback told""",
    group=why,
    sort_key=7,
    help_format="plaintext",
)
exercise.command(
    "whygrad.cli.exercise:make",
    name="make",
    help="Write a worksheet on one row of one network: drawn from a seed, or out of an example.",
    help_epilogue="""Examples:
  whygrad exercise make --layers 2,2,1 --activation sigmoid --loss bce --seed 3
  whygrad exercise make --example students --row 1 --out students.html --key key.html""",
)
exercise.command(
    "whygrad.cli.exercise:mark",
    name="mark",
    help="Mark a folder of answers, factor by factor.",
    help_epilogue="Example: whygrad exercise mark answers --out grades.csv --feedback told",
)
app.command(exercise)
app.command(
    "whygrad.cli.check:check",
    name="check",
    group=why,
    sort_key=6,
    help="Judge hand-written backpropagation, and name the mistake.",
    help_epilogue="""Examples:
  whygrad check my_backprop.py
  whygrad check --losses 25.3217,18.3200,9.4737,3.2521,1.3407 --data students --lr 0.001
  whygrad check --new
  whygrad check submissions/*.py --csv grades.csv

Exit code 0: right; 1: wrong; 3: undecided.""",
)
app.command(
    "whygrad.cli.compare:compare",
    name="compare",
    group=look,
    sort_key=9,
    help="Follow one training in whygrad, Keras, PyTorch, JAX and scikit-learn, and say where they part.",
    help_epilogue="""Example: whygrad compare students --against keras,torch

Exit code 0: equal; 1: not equal; 3: undecided, as where nothing is installed to compare with.""",
)
app.command(
    "whygrad.cli.doctor:doctor",
    name="doctor",
    group=look,
    sort_key=10,
    help="Tell what is installed, which engines are ready, where compiled kernels are kept.",
    help_epilogue="Example: whygrad doctor",
)
