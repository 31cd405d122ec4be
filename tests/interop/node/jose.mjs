// jose: verifies what our servers sign, and signs what our RAS has to judge.
import { createHash } from 'node:crypto';
import * as jose from 'jose';
import { serve } from './lines.mjs';

/** The keys of this process for proofs, one an algorithm. */
const own = new Map();

async function ownKey(alg) {
  if (!own.has(alg)) {
    const { publicKey, privateKey } = await jose.generateKeyPair(alg, { extractable: true });
    own.set(alg, { privateKey, jwk: await jose.exportJWK(publicKey) });
  }
  return own.get(alg);
}

await serve({
  /** Verify with the keys that the address has, as a stranger would. */
  async verify({ token, jwksUri, options }) {
    const { payload, protectedHeader } = await jose.jwtVerify(token, jose.createRemoteJWKSet(new URL(jwksUri)), options);
    return { payload, protectedHeader };
  },

  /** A JWT of these claims, with a key in PEM. */
  sign: async ({ claims, header, pem }) =>
    new jose.SignJWT(claims).setProtectedHeader(header).sign(await jose.importPKCS8(pem, header.alg)),

  /** The same with a shared secret that anybody can know: the text of a public key. */
  signWithText: ({ claims, header, text }) =>
    new jose.SignJWT(claims).setProtectedHeader(header).sign(new TextEncoder().encode(text)),

  /** The same without a signature. */
  unsecured: ({ claims }) => new jose.UnsecuredJWT(claims).encode(),

  /** A DPoP proof with a key of this process (RFC 9449 section 4.2). */
  async proof({ alg, method, uri, accessToken }) {
    const { privateKey, jwk } = await ownKey(alg);
    const ath = accessToken && createHash('sha256').update(accessToken).digest('base64url');
    return new jose.SignJWT({ htm: method, htu: uri, jti: crypto.randomUUID(), ...(ath && { ath }) })
      .setProtectedHeader({ alg, typ: 'dpop+jwt', jwk })
      .setIssuedAt()
      .sign(privateKey);
  },

  thumbprint: async ({ alg }) => jose.calculateJwkThumbprint((await ownKey(alg)).jwk),
});
