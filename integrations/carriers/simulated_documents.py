"""Small valid documents of simulated labels, in each format."""

import base64
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Final

from domain.orders.labels import LabelFormat

_BAR_HEIGHT: Final = 40


def document(label_format: LabelFormat, tracking_number: str) -> str:
    """A document that shows a tracking number, in base64."""
    return base64.b64encode(_MAKERS[label_format](tracking_number)).decode()


def _zpl(number: str) -> bytes:
    return f"^XA^FO40,40^BCN,120,Y,N,N^FD{number}^FS^XZ".encode()


def _pdf(number: str) -> bytes:
    content = f"BT /F1 18 Tf 20 60 Td ({number}) Tj ET".encode()
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 288 144]/Contents 4 0 R"
        b"/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )
    body, offsets = bytearray(b"%PDF-1.4\n"), []
    for index, each in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (index, each)
    start = len(body)
    body += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    body += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n"
    return bytes(body) + trailer % (len(objects) + 1, start)


def _png(number: str) -> bytes:
    """One bar for each bit of the number: black and white, one bit a pixel."""
    line = b"\0" + number.encode()
    header = struct.pack(">IIBBBBB", 8 * len(number), _BAR_HEIGHT, 1, 0, 0, 0, 0)
    pixels = zlib.compress(line * _BAR_HEIGHT)
    chunks = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


_MAKERS: Final[Mapping[LabelFormat, Callable[[str], bytes]]] = {
    LabelFormat.PDF: _pdf,
    LabelFormat.ZPL: _zpl,
    LabelFormat.PNG: _png,
}
