// Wiki as an MCP client: the functions and the provider of @modelcontextprotocol/client.
import {
  Client,
  CrossAppAccessProvider,
  DpopSession,
  StreamableHTTPClientTransport,
  discoverAndRequestJwtAuthGrant,
  exchangeJwtAuthGrant,
  requestJwtAuthorizationGrant,
  withOAuth,
} from '@modelcontextprotocol/client';
import { recording, serve } from './lines.mjs';

/** A provider as its documentation builds it, and what it asked for and sent; `stale` is its first ID-JAG, if given. */
async function crossAppAccess({ idp, ras, dpop, stale }) {
  const seen = { asked: [], sent: [] };
  const fetchFn = recording(seen.sent);
  const provider = new CrossAppAccessProvider({
    ...ras,
    fetchFn,
    assertion: async ({ authorizationServerUrl, resourceUrl, scope }) => {
      seen.asked.push({ authorizationServerUrl, resourceUrl, scope });
      if (stale && seen.asked.length === 1) return stale;
      const grant = await discoverAndRequestJwtAuthGrant({
        ...idp,
        audience: authorizationServerUrl,
        resource: resourceUrl,
        scope: idp.scope ?? scope,
        fetchFn,
      });
      return grant.jwtAuthGrant;
    },
  });
  if (dpop) {
    const session = await DpopSession.create();
    provider.dpop = () => session;
    seen.thumbprint = session.thumbprint;
  }
  return { provider, fetchFn, seen };
}

await serve({
  discoverAndRequest: (given) => discoverAndRequestJwtAuthGrant(given),
  request: (given) => requestJwtAuthorizationGrant(given),
  exchange: (given) => exchangeJwtAuthGrant(given),

  /** GET one after the other with what the provider remembers; the API's own challenge starts it. */
  async get({ urls, ...given }) {
    const { provider, fetchFn, seen } = await crossAppAccess(given);
    const answers = [];
    for (const url of urls) {
      const response = await withOAuth(provider, url)(fetchFn)(url, {});
      answers.push({ status: response.status, body: await response.json() });
    }
    return { ...seen, answers, tokens: provider.tokens() };
  },

  /** Call a tool of an MCP server. */
  async callTool({ url, tool, ...given }) {
    const { provider, fetchFn, seen } = await crossAppAccess(given);
    const client = new Client({ name: 'wiki', version: '1.0.0' });
    await client.connect(new StreamableHTTPClientTransport(new URL(url), { authProvider: provider, fetch: fetchFn }));
    try {
      const result = await client.callTool({ name: tool, arguments: {} });
      return { ...seen, result, tokens: provider.tokens() };
    } finally {
      await client.close();
    }
  },
});
