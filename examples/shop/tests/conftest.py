"""The shop's folder is where its modules and files are found."""

import sys
from pathlib import Path

import pytest

SHOP = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(SHOP))


@pytest.fixture(autouse=True)
def in_the_shop(monkeypatch):
    monkeypatch.chdir(SHOP)
