// A relying party with openid-client, which checks the signature of ID tokens too, as it can be told to.
import { importPKCS8 } from 'jose';
import * as client from 'openid-client';
import { serve } from './lines.mjs';

let config;
let keys;
let pending;
let proofs = {};

/** How the app authenticates, by the names of the metadata. */
async function authentication({ method, secret, pem }) {
  switch (method) {
    case 'client_secret_basic':
      return client.ClientSecretBasic(secret);
    case 'client_secret_post':
      return client.ClientSecretPost(secret);
    case 'private_key_jwt':
      return client.PrivateKeyJwt({ key: await importPKCS8(pem, 'ES256'), kid: 'keyed-1' });
    default:
      return client.None();
  }
}

/** What the tests look at; the library has checked it all. */
function seen(tokens) {
  return { ...tokens, claims: tokens.claims() ?? null };
}

await serve({
  async discover({ issuer, clientId, idTokenAlg, algorithm, dpop, ...auth }) {
    const metadata = { id_token_signed_response_alg: idTokenAlg };
    const execute = [client.allowInsecureRequests, client.enableNonRepudiationChecks];
    const how = await authentication(auth);
    config = await client.discovery(new URL(issuer), clientId, metadata, how, { algorithm, execute });
    if (dpop === 'another key') keys = await client.randomDPoPKeyPair('ES256');
    proofs = dpop ? { DPoP: client.getDPoPHandle(config, keys) } : {};
    return config.serverMetadata();
  },

  /** The address to send the browser to: PKCE, state and nonce. */
  async begin({ redirectUri, scope, ...more }) {
    const verifier = client.randomPKCECodeVerifier();
    pending = { verifier, state: client.randomState(), nonce: client.randomNonce() };
    return client.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri,
      scope,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state: pending.state,
      nonce: pending.nonce,
      ...more,
    }).href;
  },

  /** The same with the request left at the server before (RFC 9126). */
  async push({ redirectUri, scope }) {
    const verifier = client.randomPKCECodeVerifier();
    pending = { verifier, state: client.randomState(), nonce: client.randomNonce() };
    const asked = {
      redirect_uri: redirectUri,
      scope,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state: pending.state,
      nonce: pending.nonce,
    };
    return (await client.buildAuthorizationUrlWithPAR(config, asked, proofs)).href;
  },

  /** Where to send the browser to sign out. */
  leave: ({ idToken, afterLogout, state }) =>
    client.buildEndSessionUrl(config, { id_token_hint: idToken, post_logout_redirect_uri: afterLogout, state }).href,

  /** The address that the browser came back to, for tokens. */
  async finish({ callback, maxAge }) {
    const { verifier, state, nonce } = pending;
    const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true, maxAge };
    return seen(await client.authorizationCodeGrant(config, new URL(callback), checks, undefined, proofs));
  },

  grant: async ({ grantType, ...parameters }) =>
    seen(await client.genericGrantRequest(config, grantType, parameters, proofs)),

  refresh: async ({ refreshToken, ...parameters }) =>
    seen(await client.refreshTokenGrant(config, refreshToken, parameters, proofs)),

  /** Call an API, with a proof if there is a key. */
  async api({ accessToken, url }) {
    const response = await client.fetchProtectedResource(config, accessToken, new URL(url), 'GET', null, undefined, proofs);
    return { status: response.status, body: await response.json() };
  },

  userInfo: ({ accessToken, subject }) => client.fetchUserInfo(config, accessToken, subject, proofs),
});
