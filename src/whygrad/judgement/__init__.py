"""Judgement: is somebody's hand-written backpropagation right, and if not, which slip is it?"""
