"""Decodes one image to the square that a network sees. No torch here."""

from app.decoding.seen import decode_square

__all__ = ["decode_square"]
