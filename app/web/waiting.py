"""How long a request may wait for what others hold: until one moment, counted from its arrival."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import deadline


class Waiting:
    """Gives every request a deadline; it arrives when its body has: a slow network holds nobody up."""

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
