"""What a worker is: for who looks at its descriptors."""
import os

import dora

app = dora.App()


@app.api("/py/pid")
def pid(param):
    return os.getpid()
