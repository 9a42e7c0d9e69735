"""Gives each request one deadline for all its waiting, such as for locks of the database."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import deadline


class Waiting:
    """Gives every request a deadline that starts at the end of its body, so slow uploads are not cut off."""

    def __init__(self, app: ASGIApp, *, seconds: float) -> None:
        self.app, self.seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        with deadline.within(self.seconds) as given:

            async def receive_in_time() -> Message:
                message = await receive()
                if message["type"] == "http.request":
                    given.restart()
                return message

            await self.app(scope, receive_in_time, send)
