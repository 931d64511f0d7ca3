"""The storm: everything as processes, people who edit on all sides, and everything going wrong at random.

``python -m tests.storm --seed 7 --minutes 10`` (``make storm``); a short one runs with the tests.
"""
