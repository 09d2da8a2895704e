"""Persisted documents: texts that clients name by their SHA-256 instead of sending them.

`documentId` is that of the specification GraphQL over HTTP: `sha256:` and the hash of the text's
UTF-8 bytes in lower hexadecimal digits. Where documents are persisted, keys of some roles may use
these only.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from graphql import GraphQLError, OperationDefinitionNode, parse

from domain.access.callers import Caller, Role
from server.operations.documents import DocumentCache
from server.operations.errors import RequestRefused, bad_request
from server.operations.request import GraphQLRequest

SUFFIX = ".graphql"
FORBIDDEN = "FORBIDDEN"


class DocumentsUnreadable(ValueError):
    """A directory of persisted documents, or a file in it, cannot be used."""


def document_id(text: str) -> str:
    """The identifier of a text."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def read_documents(directory: Path) -> dict[str, str]:
    """The texts of a directory's `*.graphql` files, by name.

    Raises DocumentsUnreadable, also for a file with an error of syntax.
    """
    texts = {}
    for path in sorted(directory.glob(f"*{SUFFIX}")):
        try:
            text = texts[path.name] = path.read_bytes().decode()
            parse(text)
        except (OSError, UnicodeDecodeError, GraphQLError) as error:
            raise DocumentsUnreadable(f"{path.name} cannot be used: {error}") from None
    if not texts:
        raise DocumentsUnreadable(f"{directory} has no file that ends in {SUFFIX}.")
    return texts


def check_documents(texts: Mapping[str, str], documents: DocumentCache) -> None:
    """Raise DocumentsUnreadable unless each operation of each text can run on the schema."""
    for name, text in texts.items():
        found = [
            each for each in parse(text).definitions if isinstance(each, OperationDefinitionNode)
        ]
        for operation in found or (None,):
            given = operation.name if operation is not None else None
            try:
                documents.get(text, given.value if given is not None else None)
            except RequestRefused as refused:
                raise DocumentsUnreadable(f"{name} cannot be used: {refused.message}") from None


def checked_directory(directory: Path) -> Path:
    """The directory, if its documents can be used. Raises DocumentsUnreadable."""
    read_documents(directory)
    return directory


class PersistedDocuments:
    """The documents of this process, and the roles that may use no others."""

    def __init__(self, texts: Iterable[str] = (), limited: Collection[Role] = ()) -> None:
        self._texts = {document_id(text): text for text in texts}
        self._limited = limited if self._texts else ()

    def __len__(self) -> int:
        return len(self._texts)

    def resolve(self, request: GraphQLRequest, caller: Caller) -> GraphQLRequest:
        """The request with the text of its document.

        Raises BAD_REQUEST for an unknown id, and FORBIDDEN for a text that is not persisted, if the
        caller's role is limited to those that are.
        """
        named = request.document_id
        if named is not None:
            text = self._texts.get(named)
            if text is None:
                raise bad_request(
                    f"There is no persisted document {named!r}. Its documentId is sha256: and the"
                    " SHA-256 of its text in 64 lower hexadecimal digits."
                )
            return replace(request, query=text)
        if caller.role in self._limited and document_id(request.query) not in self._texts:
            raise RequestRefused(
                FORBIDDEN,
                403,
                f"A key with the role {caller.role} may use persisted documents only: send the"
                " documentId of one.",
            )
        return request
