// Starts GraphiQL with what the server wrote into the page: the endpoint, a key, the first tabs.
'use strict';

const mount = document.getElementById('graphiql');
const config = JSON.parse(mount.dataset.config);
const endpoint = new URL(config.endpoint, window.location.href).href;
const overHttp = GraphiQL.createFetcher({ url: endpoint });

/** Whether the operation that is about to run is a subscription; introspection has no document. */
function isSubscription(documentAST, operationName) {
  if (!documentAST) return false;
  const operations = documentAST.definitions.filter((node) => node.kind === 'OperationDefinition');
  const chosen = operations.find((node) => node.name?.value === operationName) ?? operations[0];
  return chosen?.operation === 'subscription';
}

/** A socket of its own for each subscription, so that each runs with the key of its own tab. */
async function* overWebsocket(request, headers) {
  const authorization = Object.entries(headers ?? {}).find(
    ([name]) => name.toLowerCase() === 'authorization',
  )?.[1];
  const client = graphqlWs.createClient({
    url: endpoint.replace(/^http/, 'ws'),
    connectionParams: authorization ? { authorization } : {},
    retryAttempts: 0,
  });
  try {
    yield* client.iterate(request);
  } catch (error) {
    if (error instanceof CloseEvent) {
      throw new Error(`The server closed the socket: ${error.code} ${error.reason}`);
    }
    throw error;
  } finally {
    await client.dispose();
  }
}

function fetcher(request, options) {
  return isSubscription(options?.documentAST, request.operationName)
    ? overWebsocket(request, options.headers)
    : overHttp(request, options);
}

// Tabs are remembered per key: a new demo database has new keys, and old tabs would hold dead ones.
const prefix = `restow:${config.key ?? ''}:`;
const storage = {
  get length() {
    return Object.keys(localStorage).filter((name) => name.startsWith(prefix)).length;
  },
  getItem: (name) => localStorage.getItem(prefix + name),
  setItem: (name, value) => localStorage.setItem(prefix + name, value),
  removeItem: (name) => localStorage.removeItem(prefix + name),
  clear: () => {
    for (const name of Object.keys(localStorage)) {
      if (name.startsWith(prefix)) localStorage.removeItem(name);
    }
  },
};

const headers = config.key
  ? JSON.stringify({ Authorization: `Bearer ${config.key}` }, null, 2)
  : undefined;

ReactDOM.createRoot(mount).render(
  React.createElement(GraphiQL, {
    fetcher,
    storage,
    shouldPersistHeaders: true,
    defaultHeaders: headers,
    defaultTabs: config.tabs.map((tab) => ({ ...tab, headers })),
    defaultEditorToolsVisibility: 'headers',
  }),
);
