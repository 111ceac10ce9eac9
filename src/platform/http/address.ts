/**
 * Where a request really came from. `X-Forwarded-For` counts only when the peer is a configured proxy, and is read from
 * right to left past further proxies. An IPv6 client is one /64: it owns all of it.
 */
export function clientAddress(peer: string, forwardedFor: string | null, proxies: readonly string[]): string {
  let address = plain(peer)
  if (!forwardedFor || !proxies.includes(address)) return bucket(address)
  for (const hop of forwardedFor.split(',').reverse()) {
    address = plain(hop.trim())
    if (!proxies.includes(address)) break
  }
  return bucket(address)
}

/** IPv4 addresses that arrive on an IPv6 socket are written as such. */
function plain(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address
}

function bucket(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length
  const groups = [...left, ...Array.from({ length: zeros }, () => '0'), ...right]
  return `${groups.slice(0, 4).join(':')}::/64`
}
