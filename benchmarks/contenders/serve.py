"""Serve a contender with uvicorn, the server that Restow uses, in its standard setup.

Restow adds write coalescing on websockets and garbage collector settings. Both are Restow's own, so
contenders do without them.
"""

import os
import sys

import uvicorn


def main() -> None:
    """Run `create_app` of a module on RESTOW_PORT:

    `python -m benchmarks.contenders.serve MODULE`.
    """
    uvicorn.run(
        f"{sys.argv[1]}:create_app",
        factory=True,
        host="127.0.0.1",
        port=int(os.environ["RESTOW_PORT"]),
        http="httptools",
        loop="uvloop",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        server_header=False,
    )


if __name__ == "__main__":
    main()
