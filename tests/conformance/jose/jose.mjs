// A JOSE library that is not ours: jose. A JSON request a line on standard input, a JSON answer a line on standard output.
//   node jose.mjs FOLDER     FOLDER holds node_modules
//   {"do":"keys"}                                     {"private":JWK,"public":JWK}
//   {"do":"sign","jwk":JWK,"header":H,"claims":C}     {"token":"..."}
//   {"do":"sign",... "payload":"..."}                 the same over these bytes
//   {"do":"verify","jwk":JWK,"token":"...","aud":A}   {"ok":true,"header":H,"claims":C} or {"ok":false,"why":"..."}
import readline from 'node:readline'
import { pathToFileURL } from 'node:url'

const { CompactSign, SignJWT, exportJWK, generateKeyPair, importJWK, jwtVerify } = await import(pathToFileURL(process.argv[2] + '/node_modules/jose/dist/webapi/index.js'))

async function keys () {
  const pair = await generateKeyPair('ES256', { extractable: true })
  return { private: await exportJWK(pair.privateKey), public: await exportJWK(pair.publicKey) }
}

async function sign ({ jwk, header, claims, payload }) {
  const what = payload === undefined ? new SignJWT(claims) : new CompactSign(new TextEncoder().encode(payload))
  return { token: await what.setProtectedHeader(header).sign(await importJWK(jwk, 'ES256')) }
}

// The rules of a command, in the library's own words.
async function verify ({ jwk, token, aud }) {
  const rules = { algorithms: ['ES256'], typ: 'picket+jws', audience: aud, requiredClaims: ['iss', 'aud', 'iat', 'exp', 'jti', 'cmd', 'args'] }
  try {
    const { payload, protectedHeader } = await jwtVerify(token, await importJWK(jwk, 'ES256'), rules)
    return { ok: true, header: protectedHeader, claims: payload }
  } catch (e) {
    return { ok: false, why: e.code ?? String(e) }
  }
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const request = JSON.parse(line)
  console.log(JSON.stringify(await { keys, sign, verify }[request.do](request)))
}
