/**
 * Addresses that somebody else gave us to call (webhooks, browsers’ push endpoints) must not lead into the network that
 * this instance stands in: what answers there may trust whoever asks from inside (server-side request forgery).
 */
import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import { within } from '../../../platform/within'
import type { Sent } from './channel'
import { type Answer, type Call, call } from './http'

/** All addresses of a name. */
export type Resolve = (hostname: string) => Promise<string[]>

export interface Guard {
  /** Calls whatever address is given, by http too: for development, and for receivers inside one’s own network. */
  allowPrivate: boolean
  resolve?: Resolve
}

/** The special-purpose registries of IANA (RFC 6890 and its updates), and multicast. */
const notPublic = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  // Multicast, what was never given out, and broadcast.
  ['224.0.0.0', 3],
] as const) {
  notPublic.addSubnet(network, prefix, 'ipv4')
}
/** Of IPv6 only 2000::/3 is given out for the public (RFC 4291, RFC 3587), less these. */
const global = new BlockList()
global.addSubnet('2000::', 3, 'ipv6')
for (const [network, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  notPublic.addSubnet(network, prefix, 'ipv6')
}

/** The prefix that stands for IPv4 behind a NAT64 (RFC 6052); private ones have other prefixes, outside 2000::/3 or unknowable. */
const NAT64 = '64:ff9b:0:0:0:0'

export function isPublicAddress(address: string): boolean {
  const family = isIP(address)
  if (family === 4) return !notPublic.check(address, 'ipv4')
  if (family !== 6 || address.includes('%')) return false
  const inside = embedded(address)
  if (inside !== undefined) return isPublicAddress(inside)
  return global.check(address, 'ipv6') && !notPublic.check(address, 'ipv6')
}

/** The IPv4 address within a mapped one (RFC 4291 section 2.5.5.2) or one behind a NAT64. */
function embedded(address: string): string | undefined {
  // The parser of URLs writes every IPv6 address in one and the same way.
  const plain = new URL(`http://[${address}]/`).hostname.slice(1, -1)
  const [head = '', tail = ''] = plain.split('::')
  const [left, right] = [head, tail].map((part) => (part === '' ? [] : part.split(':'))) as [string[], string[]]
  const zeros = plain.includes('::') ? Array<string>(8 - left.length - right.length).fill('0') : []
  const groups = [...left, ...zeros, ...right]
  const prefix = groups.slice(0, 6).join(':')
  if (prefix !== '0:0:0:0:0:ffff' && prefix !== NAT64) return undefined
  return groups
    .slice(6)
    .map((group) => Number.parseInt(group, 16))
    .flatMap((group) => [group >> 8, group & 255])
    .join('.')
}

type NotSent = Exclude<Sent, { outcome: 'accepted' }>
type Called =
  | { ok: true; url: string; headers: Record<string, string>; serverName?: string }
  | { ok: false; reason: string }

const REFUSED = 'address not public'
const RESOLVE_LIMIT_MS = 5_000

const systemResolve: Resolve = async (hostname) => (await lookup(hostname, { all: true })).map(({ address }) => address)

/**
 * Where a request to the address may go, or why it may not: asked at every request, and by the route that registers an
 * address. A name is replaced by the address that was checked, so that it cannot lead elsewhere a moment later (DNS
 * rebinding); its certificate is still the name’s. What remains open is a public address whose owner forwards to a
 * private one, which nobody can see from here.
 */
export async function checkAddress(url: string, { allowPrivate, resolve = systemResolve }: Guard): Promise<Called> {
  if (!URL.canParse(url)) return { ok: false, reason: 'address malformed' }
  const target = new URL(url)
  const { protocol, hostname, host } = target
  if (protocol !== 'https:' && protocol !== 'http:') return { ok: false, reason: 'address is not https' }
  if (target.username !== '' || target.password !== '') return { ok: false, reason: 'address holds credentials' }
  if (allowPrivate) return { ok: true, url, headers: {} }
  if (protocol !== 'https:') return { ok: false, reason: 'address is not https' }

  const literal = hostname.replace(/^\[(.*)\]$/, '$1')
  if (isIP(literal)) return isPublicAddress(literal) ? { ok: true, url, headers: {} } : { ok: false, reason: REFUSED }
  // A name server that does not answer is as good as none.
  const addresses = await within(RESOLVE_LIMIT_MS, resolve(hostname), []).catch(() => [])
  const [first] = addresses
  if (first === undefined) return { ok: false, reason: 'host not found' }
  // One private address among public ones is as bad: which of them is taken is not ours to say.
  if (!addresses.every(isPublicAddress)) return { ok: false, reason: REFUSED }
  // Many machines have an address of IPv6 and no way out by it.
  const taken = addresses.find((each) => isIP(each) === 4) ?? first
  target.hostname = isIP(taken) === 6 ? `[${taken}]` : taken
  return { ok: true, url: target.href, headers: { host }, serverName: hostname }
}

/** A POST to an address that somebody else gave us. An address that it may not go to has not been called. */
export async function postOutside({ url, ...init }: Call, guard: Guard): Promise<Answer | NotSent> {
  const called = await checkAddress(url, guard)
  // A name that is not found today may be found tomorrow; one that leads inside is not asked again.
  if (!called.ok && called.reason === 'host not found') return { outcome: 'transient', reason: called.reason }
  if (!called.ok) return { outcome: 'permanent', reason: called.reason }
  const { serverName } = called
  return call({
    ...init,
    url: called.url,
    headers: { ...init.headers, ...called.headers },
    ...(serverName === undefined ? {} : { serverName }),
  })
}
