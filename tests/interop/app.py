"""The handlers in Python: one gives back what it got, one says what that is."""

import dora

app = dora.App()


def kind(value):
    """The types of a value and of all in it: "dict(str:int,int:list())"."""
    name = type(value).__name__
    parts = []
    if isinstance(value, list):
        for item in value:
            parts.append(kind(item))
    elif isinstance(value, dict):
        for key, item in value.items():
            parts.append(type(key).__name__ + ":" + kind(item))
    else:
        return name
    return "%s(%s)" % (name, ",".join(parts))


@app.api("/python/echo")
def echo(param):
    return param


app.api("/python/kind")(kind)
