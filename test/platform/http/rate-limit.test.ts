/** Rate limits: who has used up a window is told when the next begins, and nobody pays for another. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createRateLimiter } from '../../../src/platform/http/rate-limit'
import { createWorld, testClock, type World } from '../../support/world'

describe('a limiter', () => {
  test('allows as many as the limit in a window, and says what is left', () => {
    const clock = testClock()
    const limiter = createRateLimiter(clock)
    const taken = [1, 2, 3, 4].map(() => limiter.take('a', 3))
    expect(taken.map(({ allowed }) => allowed)).toEqual([true, true, true, false])
    expect(taken.map(({ remaining }) => remaining)).toEqual([2, 1, 0, 0])
    expect(taken[3]).toEqual({ allowed: false, limit: 3, remaining: 0, resetS: 60, firstRefused: true })
  })

  test('begins anew when the window ends, a minute after its first request, and not a moment before', () => {
    const clock = testClock()
    const limiter = createRateLimiter(clock)
    limiter.take('a', 1)
    clock.advance(59_999)
    expect(limiter.take('a', 1)).toMatchObject({ allowed: false, resetS: 1 })
    clock.advance(1)
    expect(limiter.take('a', 1)).toMatchObject({ allowed: true, resetS: 60 })
  })

  test('is not outwaited by trying on: refused requests do not lengthen the window', () => {
    const clock = testClock()
    const limiter = createRateLimiter(clock)
    for (let i = 0; i < 60; i++) {
      limiter.take('a', 1)
      clock.advance(1_000)
    }
    expect(limiter.take('a', 1).allowed).toBe(true)
  })

  test('counts each caller alone', () => {
    const limiter = createRateLimiter(testClock())
    limiter.take('a', 1)
    expect(limiter.take('a', 1).allowed).toBe(false)
    expect(limiter.take('b', 1).allowed).toBe(true)
  })

  test('forgets past windows when there are many, and no present one', () => {
    const clock = testClock()
    const limiter = createRateLimiter(clock)
    for (let i = 0; i < 49_999; i++) limiter.take(`past ${i}`, 1)
    clock.advance(30_000)
    limiter.take('present', 1)
    clock.advance(30_000)
    limiter.take('one more', 1)
    expect(limiter.take('present', 1).allowed).toBe(false)
    expect(limiter.take('past 7', 1).allowed).toBe(true)
  })
})

describe('over HTTP', () => {
  let world: World
  beforeAll(async () => {
    world = await createWorld({ 'rate-limit': '5', 'rate-limit-user': '8', 'trusted-proxies': '10.0.0.1' })
  })
  afterAll(() => world.end())

  const anonymous = (from: string, headers: Record<string, string> = {}) =>
    world.call('GET', '/api/v1/nothing-here', { from, headers })

  test('a stranger’s sixth request in a minute is refused, with when to come back', async () => {
    const from = '192.0.2.10'
    for (let i = 0; i < 5; i++) {
      const { status, headers } = await anonymous(from)
      expect(status).toBe(404)
      expect(headers.get('ratelimit-limit')).toBe('5')
      expect(headers.get('ratelimit-remaining')).toBe(String(4 - i))
    }
    const { status, headers, body } = await anonymous(from)
    expect(status).toBe(429)
    expect(body).toMatchObject({ code: 'rate_limited', status: 429, retryAfter: 60 })
    expect(headers.get('retry-after')).toBe('60')
    world.clock.advance(60_000)
    expect((await anonymous(from)).status).toBe(404)
  })

  test('a stranger does not use up another’s requests, but all of one IPv6 network are one', async () => {
    for (let i = 0; i < 6; i++) await anonymous('192.0.2.11')
    expect((await anonymous('192.0.2.12')).status).toBe(404)
    for (let i = 0; i < 5; i++) await anonymous(`2001:db8::${i}`)
    expect((await anonymous('2001:db8::ffff')).status).toBe(429)
  })

  test('an address that a client claims counts only when our proxy says so', async () => {
    for (let i = 0; i < 5; i++) await anonymous('192.0.2.13', { 'x-forwarded-for': `198.51.100.${i}` })
    expect((await anonymous('192.0.2.13', { 'x-forwarded-for': '198.51.100.99' })).status).toBe(429)
    for (let i = 0; i < 7; i++) {
      expect((await anonymous('10.0.0.1', { 'x-forwarded-for': `198.51.100.${100 + i}` })).status).toBe(404)
    }
  })

  test('an invented token does not get around the limit for strangers', async () => {
    const call = () => world.call('GET', '/api/v1/wallet/me/balance', { token: 'invented', from: '192.0.2.14' })
    const statuses: number[] = []
    for (let i = 0; i < 6; i++) statuses.push((await call()).status)
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429])
  })

  test('health is always answered', async () => {
    for (let i = 0; i < 8; i++) expect((await world.call('GET', '/health', { from: '192.0.2.15' })).status).toBe(200)
  })

  test('somebody who is signed in has a limit of their own, wherever they are', async () => {
    const { id, token } = await world.person('customer')
    const balance = (from: string) => world.call('GET', `/api/v1/wallet/${id}/balance`, { token, from })
    for (let i = 0; i < 8; i++) {
      const { status, headers } = await balance(`192.0.2.${20 + i}`)
      expect(status).toBe(200)
      expect(headers.get('ratelimit-limit')).toBe('8')
    }
    expect((await balance('192.0.2.40')).status).toBe(429)
  })
})
