/** Where answers may go (redirect URIs), and who may use them (PKCE). */
import { sameHash } from '../../../platform/security/keyring'
import { hashOfToken } from '../../../platform/security/tokens'

/** RFC 7636, section 4.6: the challenge is the hash of the verifier; `plain` is not spoken here. */
export function fitsChallenge(verifier: string, challenge: string): boolean {
  return /^[A-Za-z0-9\-._~]{43,128}$/.test(verifier) && sameHash(hashOfToken(verifier), challenge)
}

export const isChallenge = (text: string): boolean => /^[A-Za-z0-9_-]{43}$/.test(text)

const LOOPBACK = new Set(['127.0.0.1', '[::1]'])
const FORBIDDEN_SCHEMES = new Set([
  'javascript:',
  'data:',
  'vbscript:',
  'file:',
  'blob:',
  'about:',
  'ftp:',
  'ws:',
  'wss:',
])

/** Whether it may be registered: https, http on the loopback address, or an app's own scheme with a dot (RFC 8252). */
export function isRedirectUri(text: string): boolean {
  if (!URL.canParse(text) || text.length > 2_000 || /[\s#*\\]/.test(text)) return false
  const { protocol, hostname, username, password } = new URL(text)
  if (username !== '' || password !== '' || FORBIDDEN_SCHEMES.has(protocol)) return false
  if (protocol === 'https:') return true
  if (protocol === 'http:') return LOOPBACK.has(hostname)
  return protocol.includes('.')
}

/**
 * Whether an answer may go there: exactly what was registered, letter by letter. Only the port of a loopback address may
 * differ, because an app on a desktop gets one when it starts (RFC 8252, section 7.3; RFC 9700, section 4.1.3).
 */
export function matchesRedirect(registered: readonly string[], given: string): boolean {
  if (!URL.canParse(given)) return false
  return registered.some((uri) => uri === given || withoutLoopbackPort(uri) === withoutLoopbackPort(given))
}

function withoutLoopbackPort(uri: string): string | symbol {
  const match = /^(http:\/\/(?:127\.0\.0\.1|\[::1\]))(?::\d{1,5})?(\/.*)?$/.exec(uri)
  return match ? `${match[1]}${match[2] ?? ''}` : Symbol(uri)
}
