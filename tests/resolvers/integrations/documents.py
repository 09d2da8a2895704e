"""Documents on integrations."""

_ERRORS = "userErrors { code field message details }"
SHOWN = """id code kind name url status statusSince statusReasons actor position events ordering
  secrets { hint createdAt expiresAt } channel { code }"""
UPSERT = f"""mutation ($input: IntegrationInput!) {{ integrationUpsert(input: $input) {{
  integration {{ {SHOWN} }} secret replayed {_ERRORS} }} }}"""
ROTATE = f"""mutation ($code: String!, $overlap: Int) {{
  integrationSecretRotate(code: $code, overlapSeconds: $overlap) {{
  integration {{ {SHOWN} }} secret replayed {_ERRORS} }} }}"""
PAUSE = f"""mutation ($code: String!, $note: String!) {{
  integrationPause(code: $code, note: $note) {{
  integration {{ {SHOWN} }} replayed {_ERRORS} }} }}"""
RESUME = f"""mutation ($code: String!) {{ integrationResume(code: $code) {{
  integration {{ {SHOWN} }} replayed {_ERRORS} }} }}"""
ONE = f"query ($code: String!) {{ integration(code: $code) {{ {SHOWN} }} }}"
ALL = f"""query ($kind: IntegrationKind, $status: IntegrationStatus) {{
  integrations(kind: $kind, status: $status) {{ {SHOWN} }} }}"""
CHANGED = f"""subscription ($codes: [String!], $after: String) {{
  integrationChanged(codes: $codes, after: $after) {{ cursor integration {{ {SHOWN} }} }} }}"""
EVENTS = """{ events(first: 250, types: ["integration.upserted", "integration.paused",
  "integration.recovering", "integration.off", "integration.healthy",
  "integration.secret_rotated"]) { nodes { type subject actor data } } }"""
