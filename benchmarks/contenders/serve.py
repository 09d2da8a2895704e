"""Serves another contender by the server that ours is served by, as it comes.

Ours goes on from there: it corks its websockets and settles the garbage collector. Both are ours.
"""

import os
import sys

import uvicorn


def main() -> None:
    """`python -m benchmarks.contenders.serve MODULE`: its `create_app`, on RESTOW_PORT."""
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
