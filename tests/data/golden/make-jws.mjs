// Makes the signed vectors with node's own crypto, no JOSE library and none of our code. See README.md.
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

const here = path.dirname(new URL(import.meta.url).pathname);
const b64 = (bytes) => Buffer.from(bytes).toString('base64url');
const keys = {};
const ROLES = { viola: 'viewer', rose: 'responder', alice: 'approver', bob: 'approver', ada: 'admin', 'hub-1': 'hub', mallory: null };

for (const name of Object.keys(ROLES)) {
    const pem = path.join(here, 'keys', `${name}.pem`);
    if (!fs.existsSync(pem)) {
        const { privateKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
        fs.writeFileSync(pem, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    }
    keys[name] = crypto.createPrivateKey(fs.readFileSync(pem));
    const jwk = crypto.createPublicKey(keys[name]).export({ format: 'jwk' });
    const xy = Buffer.concat([Buffer.from(jwk.x, 'base64url'), Buffer.from(jwk.y, 'base64url')]);
    if (ROLES[name] !== null) {
        fs.writeFileSync(path.join(here, 'keys', `${name}.key`), `[key ${name}]\nrole   = ${ROLES[name]}\npublic = ${b64(xy)}\n`);
    }
}

const NOW = 1790000000; // 2026-09-21T14:13:20Z: the time every test judges them at
const CLAIMS = { iss: 'alice', aud: 'gw-1', iat: NOW, exp: NOW + 300, jti: 'c0ffee00-0000-4000-8000-000000000001', cmd: 'incidents.ack', args: { incident_id: 'inc_gw-1_7_00042', note: 'Ich schau nach: Öl ≠ Wasser' } };

function sign(payload, name, { header = {}, kid = name, key = keys[name] } = {}) {
    const head = { alg: 'ES256', kid, typ: 'picket+jws', ...header };
    for (const k of Object.keys(head)) if (head[k] === undefined) delete head[k];
    const input = `${b64(JSON.stringify(head))}.${b64(payload)}`;
    const signature = crypto.sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
    return `${input}.${b64(signature)}`;
}
const claims = (change) => JSON.stringify({ ...CLAIMS, ...change });
const write = (name, text) => fs.writeFileSync(path.join(here, 'jws', `${name}.jws`), text);
let jti = 1;
const next = () => `vector-${jti++}`;

write('good', sign(claims({}), 'alice'));
write('good-site', sign(claims({ aud: 'site:plant', jti: next(), cmd: 'status', args: {} }), 'alice'));
write('good-fleet-line-end', `${sign(claims({ aud: 'fleet', jti: next(), cmd: 'ping', args: {} }), 'alice')}\n`);
write('viewer-status', sign(claims({ iss: 'viola', jti: next(), cmd: 'status', args: {} }), 'viola'));
write('viewer-acks', sign(claims({ iss: 'viola', jti: next() }), 'viola'));
write('hub-time-set', sign(claims({ iss: 'hub-1', jti: next(), cmd: 'time.set', args: { time: '2026-09-21T14:13:20.000Z' } }), 'hub-1'));
write('admin-time-set', sign(claims({ iss: 'ada', jti: next(), cmd: 'time.set', args: { time: '2026-09-21T14:13:20.000Z' } }), 'ada'));
write('hub-acks', sign(claims({ iss: 'hub-1', jti: next() }), 'hub-1'));
const two = claims({ jti: next(), cmd: 'approval.decide', approval_id: 'apr_7_3', args: { approval_id: 'apr_7_3', decision: 'approve', reason: 'seen it' } });
write('two-signatures', `${sign(two, 'alice')}\n${sign(two, 'bob')}\n`);
write('two-second-forged', `${sign(two, 'alice')}\n${sign(two, 'mallory', { kid: 'bob' })}`);
write('two-same-kid', `${sign(two, 'alice')}\n${sign(two, 'alice')}`);
write('two-payloads', `${sign(two, 'alice')}\n${sign(claims({ jti: 'other' }), 'bob')}`);
write('three-signatures', `${sign(two, 'alice')}\n${sign(two, 'bob')}\n${sign(two, 'ada')}`);
write('expired', sign(claims({ jti: next(), iat: NOW - 1000, exp: NOW - 61 }), 'alice'));
write('from-the-future', sign(claims({ jti: next(), iat: NOW + 61, exp: NOW + 400 }), 'alice'));
write('lives-too-long', sign(claims({ jti: next(), exp: NOW + 86401 }), 'alice'));
write('wrong-audience', sign(claims({ jti: next(), aud: 'gw-2' }), 'alice'));
write('wrong-site', sign(claims({ jti: next(), aud: 'site:elsewhere' }), 'alice'));
write('forged', sign(claims({ jti: next() }), 'mallory', { kid: 'alice' }));
write('unknown-key', sign(claims({ jti: next(), iss: 'mallory' }), 'mallory'));
write('foreign-issuer', sign(claims({ jti: next(), iss: 'bob' }), 'alice'));
write('alg-none', `${b64(JSON.stringify({ alg: 'none', kid: 'alice', typ: 'picket+jws' }))}.${b64(claims({ jti: next() }))}.`);
write('alg-hs256', (() => {
    const input = `${b64(JSON.stringify({ alg: 'HS256', kid: 'alice', typ: 'picket+jws' }))}.${b64(claims({ jti: next() }))}`;
    const jwk = crypto.createPublicKey(keys.alice).export({ format: 'jwk' });
    return `${input}.${crypto.createHmac('sha512', Buffer.from(jwk.x + jwk.y)).update(input).digest('base64url')}`;
})());
write('typ-jwt', sign(claims({ jti: next() }), 'alice', { header: { typ: 'JWT' } }));
write('header-jwk', sign(claims({ jti: next() }), 'mallory', { kid: 'alice', header: { jwk: crypto.createPublicKey(keys.mallory).export({ format: 'jwk' }) } }));
write('header-crit', sign(claims({ jti: next() }), 'alice', { header: { crit: ['exp'] } }));
write('no-kid', sign(claims({ jti: next() }), 'alice', { header: { kid: undefined } }));
write('unknown-claim', sign(claims({ jti: next(), nbf: NOW }), 'alice'));
write('missing-jti', sign(claims({ jti: undefined }), 'alice'));
write('jti-with-slash', sign(claims({ jti: 'a/b' }), 'alice'));
write('jti-too-long', sign(claims({ jti: 'x'.repeat(37) }), 'alice'));
write('claim-twice', sign(claims({ jti: next() }).replace('{"iss"', '{"jti":"first","iss"'), 'alice'));
write('unknown-command', sign(claims({ jti: next(), cmd: 'rm.rf', args: {} }), 'alice'));
write('unknown-argument', sign(claims({ jti: next(), args: { incident_id: 'inc_gw-1_7_00042', force: true } }), 'alice'));
write('missing-argument', sign(claims({ jti: next(), args: {} }), 'alice'));
write('claim-against-argument', sign(claims({ jti: next(), incident_id: 'inc_gw-1_7_00043' }), 'alice'));
write('local-only', sign(claims({ jti: next(), iss: 'ada', cmd: 'dump-state', args: {} }), 'ada'));
write('too-big', sign(claims({ jti: next(), args: { incident_id: 'i', note: 'x'.repeat(4096) } }), 'alice'));
write('deep', sign(claims({ jti: next(), args: 0 }).replace('"args":0', `"args":${'{"a":'.repeat(20)}1${'}'.repeat(20)}`), 'alice'));
