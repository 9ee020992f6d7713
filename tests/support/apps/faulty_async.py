"""A handler of a loop that goes wrong as one of faulty.py does."""

import dora

app = dora.App()


@app.api("/loop/no_json")
async def no_json(param):
    return {"x": [1, float("nan") if param == "nan" else b"\xff" + b"y" * 40000]}
