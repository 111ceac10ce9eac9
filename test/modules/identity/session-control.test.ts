/** Where somebody is signed in, how it ends, and that it ends at once; and what tokens are worth that are not theirs. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'
import { SignJWT } from 'jose'
import { refreshTokens, users } from '../../../src/modules/identity/schema'
import { expectProblem } from '../../acceptance/answers'
import { createWorld, PASSWORD, type World } from '../../support/world'
import { type Acts, actsIn, DAY, MINUTE, NEW_PASSWORD, type SignedIn } from './acts'

let world: World
let acts: Acts

beforeAll(async () => {
  world = await createWorld()
  acts = actsIn(world)
})
afterAll(() => world.end())

interface Tokens {
  accessToken: string
  refreshToken: string
}
const ELSEWHERE = { from: '198.51.100.7', headers: { 'user-agent': 'Another browser' } }
const signIn = async (email: string): Promise<Tokens> => (await acts.login(email, PASSWORD, {}, ELSEWHERE)).body

/** Both tokens are worth nothing, also if the access token was seen before. */
async function expectEnded({ accessToken, refreshToken }: Tokens): Promise<void> {
  expectProblem(await acts.profile(accessToken), 401, 'unauthenticated')
  expectProblem(await acts.refresh(refreshToken), 401, 'refresh_token_invalid')
}

async function seenTwice(person?: SignedIn): Promise<{ here: SignedIn; there: Tokens }> {
  const here = person ?? (await acts.somebody())
  const there = await signIn(here.email)
  for (const token of [here.token, there.accessToken]) expect((await acts.profile(token)).status).toBe(200)
  return { here, there }
}

describe('the list of sessions', () => {
  test('shows how, whence and since when, and which one asks', async () => {
    const { here } = await seenTwice()
    const { items } = (await acts.get('/sessions', here.token)).body
    expect(items).toHaveLength(2)
    const other = items.find(({ current }: { current: boolean }) => !current)
    expect(other).toMatchObject({
      kind: 'person',
      clientId: null,
      methods: ['pwd'],
      address: '198.51.100.7',
      userAgent: 'Another browser',
      createdAt: new Date(world.clock()).toISOString(),
      expiresAt: new Date(world.clock() + 7 * DAY).toISOString(),
    })
    expect(items.filter(({ current }: { current: boolean }) => current)).toHaveLength(1)
  })

  test('names the second factor that was shown', async () => {
    const person = await acts.somebody()
    await world.setUpApp(person.email, person.token)
    const token = await world.signIn(person.email)
    const { items } = (await acts.get('/sessions', token)).body
    const mine = items.find(({ current }: { current: boolean }) => current)
    expect(mine.methods).toEqual(['pwd', 'otp', 'mfa'])
  })

  test('leaves out what has ended and what is somebody else’s', async () => {
    const { here, there } = await seenTwice()
    await acts.post('/logout', { refreshToken: there.refreshToken })
    expect((await acts.get('/sessions', here.token)).body.items).toHaveLength(1)
  })
})

describe('ending sessions', () => {
  test('one of them, from elsewhere: it ends at once and the others stay', async () => {
    const { here, there } = await seenTwice()
    const { items } = (await acts.get('/sessions', here.token)).body
    const { id } = items.find(({ current }: { current: boolean }) => !current)
    expect((await acts.del(`/sessions/${id}`, here.token)).status).toBe(204)
    await expectEnded(there)
    expect((await acts.profile(here.token)).status).toBe(200)
    expectProblem(await acts.del(`/sessions/${id}`, here.token), 404, 'session_not_found')
  })

  test('all of them, this one too', async () => {
    const { here, there } = await seenTwice()
    expect((await acts.del('/sessions', here.token)).status).toBe(204)
    await expectEnded(there)
    await expectEnded({ accessToken: here.token, refreshToken: here.refreshToken })
  })

  test('of somebody else is not possible', async () => {
    const [owner, other] = [await acts.somebody(), await acts.somebody()]
    const [{ id }] = (await acts.get('/sessions', owner.token)).body.items
    expectProblem(await acts.del(`/sessions/${id}`, other.token), 404, 'session_not_found')
    expect((await acts.profile(owner.token)).status).toBe(200)
  })

  test('by changing the password: every other one', async () => {
    const { here, there } = await seenTwice()
    const body = { currentPassword: PASSWORD, newPassword: NEW_PASSWORD }
    expect((await acts.put('/password', here.token, body)).status).toBe(204)
    await expectEnded(there)
    expect((await acts.profile(here.token)).status).toBe(200)
  })

  test('is in the audit log', async () => {
    const { here, there } = await seenTwice()
    await acts.post('/logout', { refreshToken: there.refreshToken })
    await acts.del('/sessions', here.token)
    const rows = (await acts.auditOf(here.id)).map(({ action }) => action)
    expect(rows).toContain('session.end_all')
  })
})

describe('the role', () => {
  test('in a token is that of the sign-in: another one since then ends it', async () => {
    const { id, token } = await acts.somebody('support')
    await world.write(async (tx) => {
      await tx.update(users).set({ role: 'operator' }).where(eq(users.id, id))
    })
    expectProblem(await world.call('GET', '/api/v1/users', { token }), 401, 'unauthenticated')
    expectProblem(await world.call('GET', '/api/v1/audit', { token }), 401, 'unauthenticated')
  })

  test('that somebody gives themselves is not taken', async () => {
    const { token } = await acts.somebody()
    const body = { name: 'X', role: 'operator' }
    expectProblem(await world.call('PATCH', '/api/v1/auth/profile', { token, body }), 422, 'validation_failed')
  })
})

describe('a token', () => {
  const now = () => Math.floor(world.clock() / 1000)
  const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString())
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

  test('without a signature, or with another algorithm, is none', async () => {
    const { token } = await acts.somebody()
    const [header, payload, signature] = token.split('.') as [string, string, string]
    for (const alg of ['none', 'None', 'HS512', 'RS256', 'ES256']) {
      const forged = part({ alg, typ: 'at+jwt' })
      for (const sealed of ['', signature])
        expectProblem(await acts.profile(`${forged}.${payload}.${sealed}`), 401, 'unauthenticated')
    }
    const changed = part({ ...claimsOf(token), role: 'operator' })
    expectProblem(await acts.profile(`${header}.${changed}.${signature}`), 401, 'unauthenticated')
    expectProblem(await acts.profile(`${header}.${payload}.`), 401, 'unauthenticated')
  })

  const right = { alg: 'HS256', typ: 'at+jwt', issuer: 'kumbu', audience: 'kumbu-api', expires: 900, subject: true }
  const sign = (token: string, change: Partial<typeof right>) => {
    const { alg, typ, issuer, audience, expires, subject } = { ...right, ...change }
    const { sid, role, sub } = claimsOf(token)
    const made = new SignJWT({ sid, role }).setProtectedHeader({ alg, typ }).setIssuedAt(now())
    if (subject) made.setSubject(sub)
    if (issuer) made.setIssuer(issuer)
    if (audience) made.setAudience(audience)
    if (expires) made.setExpirationTime(now() + expires)
    return made.sign(world.runtime.keyring.derive('access-token'))
  }

  test.each<[string, Partial<typeof right>]>([
    ['of another type', { typ: 'JWT' }],
    ['of another issuer', { issuer: 'https://evil.example' }],
    ['of no issuer', { issuer: '' }],
    ['for another audience', { audience: 'another-api' }],
    ['for no audience', { audience: '' }],
    ['of another algorithm', { alg: 'HS512' }],
    ['without an end', { expires: 0 }],
    ['that has ended', { expires: -1 }],
    ['without a subject', { subject: false }],
  ])('%s is none, although the key is right', async (_, change) => {
    const { token } = await acts.somebody()
    expect((await acts.profile(await sign(token, {}))).status).toBe(200)
    expectProblem(await acts.profile(await sign(token, change)), 401, 'unauthenticated')
  })

  test('lives 15 minutes and says so', async () => {
    const { token, email } = await acts.somebody()
    const { iat, exp } = claimsOf(token)
    expect(exp - iat).toBe(15 * 60)
    expect((await acts.login(email)).body.expiresIn).toBe(15 * 60)
  })

  test('for refreshing is none for access, and the reverse', async () => {
    const { token, refreshToken } = await acts.somebody()
    expectProblem(await acts.profile(refreshToken), 401, 'unauthenticated')
    expectProblem(await acts.refresh(token.slice(0, 200)), 401, 'refresh_token_invalid')
  })

  test('for refreshing has 256 random bits and is kept as its SHA-256', async () => {
    const { refreshToken } = await acts.somebody()
    expect(Buffer.from(refreshToken, 'base64url')).toHaveLength(32)
    const hash = new Bun.CryptoHasher('sha256').update(refreshToken).digest('base64url')
    const rows = await world.runtime.store.read.select().from(refreshTokens).where(eq(refreshTokens.hash, hash))
    expect(rows).toHaveLength(1)
    expect(JSON.stringify(rows)).not.toContain(refreshToken)
    await acts.refresh(refreshToken)
    const used = await world.runtime.store.read.select().from(refreshTokens).where(eq(refreshTokens.hash, hash))
    const successor = (await acts.refresh(refreshToken)).body.refreshToken
    expect(JSON.stringify(used)).not.toContain(successor)
  })

  test('for refreshing that comes again after the grace is in the audit log', async () => {
    const { id, refreshToken } = await acts.somebody()
    await acts.refresh(refreshToken)
    world.clock.advance(MINUTE)
    expectProblem(await acts.refresh(refreshToken), 401, 'refresh_token_invalid')
    const rows = (await acts.auditOf(id)).filter(({ action }) => action === 'session.refresh_reused')
    expect(rows).toMatchObject([{ actor: id, outcome: 'refused', address: '192.0.2.1' }])
  })
})
