"""Handlers that say what they are for, in the ways that Python has."""

import functools

import dora

app = dora.App()


@app.api("/plain")
def plain(param):
    return param


@app.api("/said")
def said(param, request):
    """   Gives what it was given.

    And more about it, which is not the first line.
    """
    return param


@app.api("/below")
def below(param):
    """
    Says it in the second line: \x1b[31m it cannot steer a terminal.
    """
    return param


@app.api("/long")
def long(param):
    return param


long.__doc__ = "\u00e9" * 300


@app.api("/wrapped")
@functools.wraps(said)
def wrapped(*args):
    return said(*args)


app.api("/part")(functools.partial(said, request=None))


class Shop:
    """A shop with a door."""

    def __call__(self, param):
        """Opens the door."""
        return param

    def method(self, param):
        """Closes the door."""
        return param


app.api("/object")(Shop())
app.api("/method")(Shop().method)


@app.api("/odd")
def odd(param):
    return param


odd.__doc__ = 5


@app.fallback
def other(param, request):
    """Answers the rest."""
    return request.name
