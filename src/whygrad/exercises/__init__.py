"""Exercises: one row of one network worked by hand, and marked factor by factor."""

from whygrad.exercises.exercise import Exercise
from whygrad.exercises.feedback import feedback
from whygrad.exercises.forms import sheet_text
from whygrad.exercises.grading import Grades, mark_folder
from whygrad.exercises.making import exercise_of, make_exercise
from whygrad.exercises.marking import Mark, Marks, mark_answers

__all__ = [
    "Exercise",
    "Grades",
    "Mark",
    "Marks",
    "exercise_of",
    "feedback",
    "make_exercise",
    "mark_answers",
    "mark_folder",
    "sheet_text",
]
