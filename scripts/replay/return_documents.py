"""GraphQL documents of the replay's returns and refunds."""

from typing import Final

_RETURN: Final = """return {
    id status
    items { id sku quantity state disposition reason { code } }
  }
  userErrors { code field message }"""
_REFUND: Final = """refund { id status approvalsRequired }
  userErrors { code field message }"""

KEY: Final = """mutation ($input: ApiKeyInput!) {
  apiKeyCreate(input: $input) { secret userErrors { code field message } }
}"""
POLICY: Final = """mutation ($input: PolicyInput!) {
  policyPublish(input: $input) { userErrors { code field message } }
}"""
REQUEST: Final = f"""mutation ($input: ReturnRequestInput!) {{
  returnRequest(input: $input) {{ {_RETURN} }}
}}"""
AUTHORIZE: Final = """mutation ($id: ID!, $note: String!) {
  returnAuthorize(id: $id, note: $note) { return { status } userErrors { code field message } }
}"""
RECEIVE: Final = f"""mutation ($input: ReturnReceiveInput!) {{
  returnReceive(input: $input) {{ exception {{ id }} {_RETURN} }}
}}"""
INSPECT: Final = f"""mutation ($input: ReturnInspectInput!) {{
  returnInspect(input: $input) {{ {_RETURN} }}
}}"""
DISPOSE: Final = """mutation ($input: DispositionInput!) {
  returnItemDispose(input: $input) { return { status } userErrors { code field message } }
}"""
DISPOSE_UNIDENTIFIED: Final = """mutation ($exception: ID!, $sku: String!, $quantity: Int!,
    $disposition: Disposition!, $note: String!) {
  unidentifiedUnitsDispose(exceptionId: $exception, sku: $sku, quantity: $quantity,
      disposition: $disposition, note: $note) { userErrors { code field message } }
}"""
GOODWILL: Final = f"""mutation ($input: RefundCreateInput!) {{
  refundCreate(input: $input) {{ refunds {{ id status approvalsRequired }} {_REFUND} }}
}}"""
APPROVE: Final = f"""mutation ($id: ID!) {{
  refundApprove(id: $id) {{ {_REFUND} }}
}}"""

REFUNDS_OF: Final = (
    "query ($id: ID!) { return(id: $id) { refunds { id status approvalsRequired } } }"
)

RETURNS: Final = """query ($after: String) {
  returns(first: 100, after: $after) {
    nodes { id status authorization { reasons } items { quantity state disposition condition } }
    pageInfo { hasNextPage endCursor }
  }
}"""
REFUNDS: Final = """query ($after: String) {
  refunds(first: 250, after: $after) {
    nodes { kind status amount { amount } breakdown { kind amount { amount } } }
    pageInfo { hasNextPage endCursor }
  }
}"""
UNSETTLED: Final = """query ($status: RefundStatus!) {
  refunds(status: $status, first: 1) { nodes { id } }
}"""
BALANCE: Final = "{ trialBalance { balanced } }"
PREVIEW: Final = """query ($input: PolicyInput!, $last: Int!) {
  policyPreview(input: $input, last: $last) { decided changed changes { after { outcome } } }
}"""
