"""Calls of every kind while everything that can break is broken, and the books afterwards."""
