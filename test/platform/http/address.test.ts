/** Where a request really came from: proxies are believed only when they are ours. */
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { clientAddress } from '../../../src/platform/http/address'

const PROXY = '10.0.0.1'
const from = (peer: string, forwarded: string | null = null, proxies = [PROXY, '10.0.0.2', '::1']) =>
  clientAddress(peer, forwarded, proxies)

describe('the address of a client', () => {
  test('is its own when it comes directly, whatever it claims', () => {
    expect(from('192.0.2.7')).toBe('192.0.2.7')
    expect(from('192.0.2.7', '198.51.100.1')).toBe('192.0.2.7')
    expect(from('192.0.2.7', '198.51.100.1', [])).toBe('192.0.2.7')
  })

  test('is what our proxy says, and the proxy’s when it says nothing', () => {
    expect(from(PROXY, '198.51.100.1')).toBe('198.51.100.1')
    expect(from(PROXY)).toBe(PROXY)
    expect(from('::1', '198.51.100.1')).toBe('198.51.100.1')
  })

  test('is the last that is no proxy of ours: what stands before it was written by the client', () => {
    expect(from(PROXY, '203.0.113.66, 198.51.100.1')).toBe('198.51.100.1')
    expect(from(PROXY, '203.0.113.66,198.51.100.1 ,10.0.0.2')).toBe('198.51.100.1')
    expect(from(PROXY, '10.0.0.2, 203.0.113.66, 198.51.100.1, 10.0.0.2')).toBe('198.51.100.1')
  })

  test('is the first proxy’s when all are proxies', () => {
    expect(from(PROXY, '10.0.0.2, 10.0.0.2')).toBe('10.0.0.2')
  })

  test('cannot be chosen by a client behind a proxy', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.ipV4(), fc.string({ maxLength: 10 }))), (claimed) => {
        expect(from(PROXY, [...claimed, '198.51.100.1'].join(','))).toBe('198.51.100.1')
      }),
    )
  })

  test('of IPv4 is the same on an IPv6 socket, for clients and for proxies', () => {
    expect(from('::ffff:192.0.2.7')).toBe('192.0.2.7')
    expect(from(`::ffff:${PROXY}`, '::ffff:198.51.100.1')).toBe('198.51.100.1')
  })
})

describe('a client on IPv6', () => {
  test('is one network of 64 bits, however its address is written', () => {
    const network = '2001:db8:1:2::/64'
    expect(from('2001:db8:1:2::')).toBe(network)
    expect(from('2001:db8:1:2::1')).toBe(network)
    expect(from('2001:db8:1:2:ffff:ffff:ffff:ffff')).toBe(network)
    expect(from('2001:db8:1:3::1')).not.toBe(network)
  })

  test('whose address has its zeros left out is where it belongs', () => {
    expect(from('::1', null, [])).toBe('0:0:0:0::/64')
    expect(from('2001:db8::1')).toBe('2001:db8:0:0::/64')
    expect(from('2001:db8::5:6:7:8')).toBe('2001:db8:0:0::/64')
    expect(from('2001::4:5:6:7:8')).toBe('2001:0:0:4::/64')
  })
})
