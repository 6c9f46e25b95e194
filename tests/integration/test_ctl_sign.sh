#!/usr/bin/env bash
# What picketctl signs, OpenSSL finds valid: key form, signing input and signature are as RFC 7515 and 7518 have them.
set -euo pipefail
ctl=$PK_BINARY_DIR/picketctl
[ -x "$ctl" ] || { echo "skipped: no picketctl in this tree"; exit 77; }
command -v openssl >/dev/null || { echo "skipped: openssl is not installed"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "failed: $*"; exit 1; }

# base64url on standard input to bytes
decode() {
    local text
    text=$(tr -- '-_' '+/')
    while [ $((${#text} % 4)) -ne 0 ]; do text+='='; done
    printf '%s' "$text" | openssl base64 -d -A
}
hex() { od -An -v -tx1 | tr -d ' \n'; }
# hexadecimal digits on standard input to bytes
unhex() {
    local digits
    digits=$(cat)
    # shellcheck disable=SC2001,SC2059 # a group per byte; the format is made of our own escapes
    printf "$(sed 's/../\\x&/g' <<<"$digits")"
}

"$ctl" keygen --kid alice-1 --role approver --owner alice --out "$work"
[ "$(stat -c %a "$work/alice-1.private")" = 600 ] || fail "the private key is not for its owner only"

# SubjectPublicKeyInfo of P-256 in front of the uncompressed point.
public=$(sed -n 's/^public = //p' "$work/alice-1.key" | decode | hex)
[ ${#public} = 128 ] || fail "the public key has ${#public} digits"
printf '3059301306072a8648ce3d020106082a8648ce3d03010703420004%s' "$public" | unhex >"$work/public.der"
openssl pkey -pubin -inform DER -in "$work/public.der" -out "$work/public.pem" || fail "openssl does not take the public key"

"$ctl" sign --key "$work/alice-1.private" --iss alice --aud gw-01 --cmd incidents.ack incident_id=inc_1 note='two words' >"$work/command"
IFS=. read -r header payload signature <"$work/command"
[ "$(decode <<<"$header" | tr -d ' \n')" = '{"alg":"ES256","kid":"alice-1","typ":"picket+jws"}' ] || fail "header: $(decode <<<"$header")"
decode <<<"$payload" | grep -qF '"args":{"incident_id":"inc_1","note":"two words"}' || fail "payload: $(decode <<<"$payload")"

# R || S as the DER sequence that openssl reads.
rs=$(decode <<<"$signature" | hex)
[ ${#rs} = 128 ] || fail "the signature has ${#rs} digits"
printf 'asn1 = SEQUENCE:s\n[s]\nr = INTEGER:0x%s\ns = INTEGER:0x%s\n' "${rs:0:64}" "${rs:64}" >"$work/signature.cnf"
openssl asn1parse -genconf "$work/signature.cnf" -noout -out "$work/signature.der"
printf '%s.%s' "$header" "$payload" >"$work/input"
openssl dgst -sha256 -verify "$work/public.pem" -signature "$work/signature.der" "$work/input" >/dev/null || fail "openssl does not verify the signature"
printf 'x' >>"$work/input"
! openssl dgst -sha256 -verify "$work/public.pem" -signature "$work/signature.der" "$work/input" >/dev/null 2>&1 || fail "openssl verifies anything"

"$ctl" verify --keys "$work" "$work/command" | grep -qF '"valid":true' || fail "picketctl does not verify its own command"
command=$(cat "$work/command")
other=A
[ "${command:150:1}" != A ] || other=B
printf '%s\n' "${command:0:150}$other${command:151}" >"$work/changed"
! "$ctl" verify --keys "$work" "$work/changed" 2>/dev/null || fail "a changed command is verified"
echo "ok"
