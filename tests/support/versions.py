"""An application that is written anew, again and again, and books each of its runs."""

import collections
import os


class Versions:
    """`text` is the application's, with %(book)r, the file of its runs, and %(version)d."""

    def __init__(self, folder, text):
        self.path, self.book = str(folder / "app.py"), str(folder / "book")
        self.text, self.count = text, 0
        self.next()

    def write(self, text):
        """Another application, at once and whole."""
        with open(self.path + ".part", "w") as file:
            file.write(text)
        os.replace(self.path + ".part", self.path)

    def next(self):
        """The next version."""
        self.count += 1
        self.write(self.text % {"book": self.book, "version": self.count})

    def runs(self):
        """How often each call has run."""
        with open(self.book) as file:
            return collections.Counter(file.read().split())
