/** Addresses that somebody else gave us to call: which lead outside, and where a request to a name goes. */
import { describe, expect, test } from 'bun:test'
import { checkAddress, isPublicAddress } from '../../../src/modules/notifications/channels/public-address'

describe('an address that is not public', () => {
  test.each([
    '0.0.0.0',
    '0.1.2.3',
    '10.1.2.3',
    '100.64.0.1',
    '100.127.255.255',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.8',
    '192.0.2.1',
    '192.168.1.1',
    '198.18.0.1',
    '203.0.113.9',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '0:0:0:0:0:ffff:a00:1',
    '::127.0.0.1',
    '64:ff9b::10.0.0.1',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::8.8.8.8',
    '100::1',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'fe80::1%eth0',
    'fec0::1',
    'ff02::1',
    '2001::1',
    '2001:db8::1',
    '2002:7f00:1::',
    '3fff::1',
    'nonsense',
    '',
  ])('%p', (address) => {
    expect(isPublicAddress(address)).toBe(false)
  })

  test.each([
    '1.1.1.1',
    '8.8.8.8',
    '100.63.255.255',
    '100.128.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '223.255.255.255',
    '2606:4700:4700::1111',
    '2a00:1450:4001:81b::200e',
    '::ffff:8.8.8.8',
    '64:ff9b::8.8.8.8',
  ])('is not %p, which is', (address) => {
    expect(isPublicAddress(address)).toBe(true)
  })

  const guarded = (addresses: string[]) => ({ allowPrivate: false, resolve: async () => addresses })

  test.each([
    ['http://hooks.example/x', ['8.8.8.8'], 'address is not https'],
    ['ftp://hooks.example/x', ['8.8.8.8'], 'address is not https'],
    ['file:///etc/passwd', [], 'address is not https'],
    ['not an address', [], 'address malformed'],
    ['https://user:secret@hooks.example/', ['8.8.8.8'], 'address holds credentials'],
    ['https://127.0.0.1/x', [], 'address not public'],
    ['https://2130706433/x', [], 'address not public'],
    ['https://0x7f.1/x', [], 'address not public'],
    ['https://017700000001/x', [], 'address not public'],
    ['https://[::1]/x', [], 'address not public'],
    ['https://[::ffff:169.254.169.254]/x', [], 'address not public'],
    ['https://inside.example/x', ['10.0.0.1'], 'address not public'],
    ['https://mixed.example/x', ['8.8.8.8', '127.0.0.1'], 'address not public'],
    ['https://mixed.example/x', ['8.8.8.8', 'fd00::1'], 'address not public'],
    ['https://nowhere.example/x', [], 'host not found'],
  ])('is refused for %p', async (url, addresses, reason) => {
    expect(await checkAddress(url, guarded(addresses))).toEqual({ ok: false, reason })
  })

  test('cannot take the place of the one that was checked: the request goes to that one, for the name', async () => {
    const url = 'https://hooks.example:8443/in?x=1'
    expect(await checkAddress(url, guarded(['2606:4700::1', '93.184.216.34']))).toEqual({
      ok: true,
      url: 'https://93.184.216.34:8443/in?x=1',
      headers: { host: 'hooks.example:8443' },
      serverName: 'hooks.example',
    })
    expect(await checkAddress(url, guarded(['2606:4700::1']))).toMatchObject({
      url: 'https://[2606:4700::1]:8443/in?x=1',
    })
  })

  test('may be called where the operator allows it', async () => {
    const url = 'http://10.0.0.1/x'
    expect(await checkAddress(url, { allowPrivate: true })).toEqual({ ok: true, url, headers: {} })
  })
})
