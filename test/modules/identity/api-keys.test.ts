/** API keys: what they may do, how long, and that they end at once. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'
import { apiKeys } from '../../../src/modules/identity/schema'
import { expectProblem } from '../../acceptance/answers'
import { createWorld, type World } from '../../support/world'
import { type Acts, actsIn, DAY, MINUTE } from './acts'

let world: World
let acts: Acts

beforeAll(async () => {
  world = await createWorld()
  acts = actsIn(world)
})
afterAll(() => world.end())

const users = (token: string) => world.call('GET', '/api/v1/users', { token })

describe('a key', () => {
  test('is shown once, begins with kmb_, and has 256 random bits that are kept as a hash', async () => {
    const { id, token } = await acts.somebody()
    const { status, body } = await acts.makeKey(token)
    expect(status).toBe(201)
    expect(body.key).toMatch(/^kmb_[\w-]{43}$/)
    expect(body.hint).toBe(body.key.slice(0, 10))
    const listed = (await acts.get('/api-keys', token)).body
    expect(listed.items).toHaveLength(1)
    expect(JSON.stringify(listed)).not.toContain(body.key)
    const rows = await world.runtime.store.read.select().from(apiKeys).where(eq(apiKeys.userId, id))
    expect(rows[0]?.hash).toBe(new Bun.CryptoHasher('sha256').update(body.key).digest('base64url'))
    expect(JSON.stringify(rows)).not.toContain(body.key)
  })

  test('does what its scopes name and nothing else', async () => {
    const { token } = await acts.somebody('operator')
    const { key } = (await acts.makeKey(token, ['users:read'])).body
    expect((await users(key)).status).toBe(200)
    expectProblem(await acts.profile(key), 403, 'insufficient_scope')
    expectProblem(await world.call('GET', '/api/v1/audit', { token: key }), 403, 'insufficient_scope')
  })

  test.each([['profile:security'], ['clients:manage'], ['users:manage'], ['openid'], ['everything'], ['']])(
    'may not be given %p by a customer',
    async (scope) => {
      const { token } = await acts.somebody()
      expectProblem(await acts.makeKey(token, [scope]), 422, 'scope_not_grantable')
      expectProblem(await acts.makeKey(token, ['profile:read', scope]), 422, 'scope_not_grantable')
    },
  )

  test('cannot make keys, factors or a way in of its own', async () => {
    const { token } = await acts.somebody()
    const { key } = (await acts.makeKey(token, ['profile:read', 'profile:write', 'wallet:read'])).body
    for (const path of ['/api-keys', '/sessions', '/devices', '/passkeys', '/export'])
      expectProblem(await acts.get(path, key), 403, 'insufficient_scope')
    expectProblem(await acts.makeKey(key), 403, 'insufficient_scope')
    expectProblem(await acts.put('/email', key, { email: 'x@example.com' }), 403, 'insufficient_scope')
    expectProblem(await acts.stepUp(key, { password: 'x' }), 403, 'insufficient_scope')
  })

  test('expires after 90 days, or when it was told to', async () => {
    const { id, token } = await acts.somebody()
    const usual = (await acts.makeKey(token)).body
    const short = (await acts.makeKey(token, ['profile:read'], { expiresInDays: 1 })).body
    world.clock.advance(DAY - 1)
    expect((await acts.profile(short.key)).status).toBe(200)
    world.clock.advance(1)
    expectProblem(await acts.profile(short.key), 401, 'unauthenticated')
    world.clock.advance(89 * DAY - 1)
    expect((await acts.profile(usual.key)).body.id).toBe(id)
    world.clock.advance(1)
    expectProblem(await acts.profile(usual.key), 401, 'unauthenticated')
    for (const expiresInDays of [0, 367, 1.5, '90'])
      expectProblem(
        await acts.makeKey((await acts.somebody()).token, ['profile:read'], { expiresInDays }),
        422,
        'validation_failed',
      )
  })

  test('that is revoked ends at once; nobody else can revoke it', async () => {
    const [owner, other] = [await acts.somebody(), await acts.somebody()]
    const { id, key } = (await acts.makeKey(owner.token)).body
    expect((await acts.profile(key)).status).toBe(200)
    expectProblem(await acts.del(`/api-keys/${id}`, other.token), 404, 'api_key_not_found')
    expect((await acts.profile(key)).status).toBe(200)
    expect((await acts.del(`/api-keys/${id}`, owner.token)).status).toBe(204)
    expectProblem(await acts.profile(key), 401, 'unauthenticated')
    expectProblem(await acts.del(`/api-keys/${id}`, owner.token), 404, 'api_key_not_found')
  })

  test('stays when its owner signs out everywhere, and ends when its owner is frozen', async () => {
    const owner = await acts.somebody()
    const operator = await acts.somebody('operator')
    const { key } = (await acts.makeKey(owner.token)).body
    await acts.del('/sessions', owner.token)
    expect((await acts.profile(key)).status).toBe(200)
    await world.call('POST', `/api/v1/users/${owner.id}/freeze`, { token: operator.token, body: {} })
    expectProblem(await acts.profile(key), 401, 'unauthenticated')
    await world.call('POST', `/api/v1/users/${owner.id}/unfreeze`, { token: operator.token, body: {} })
    expectProblem(await acts.profile(key), 401, 'unauthenticated')
  })

  test('is no session: not in the list of them, and not a refresh token', async () => {
    const { token } = await acts.somebody()
    const { key } = (await acts.makeKey(token)).body
    expect((await acts.get('/sessions', token)).body.items).toHaveLength(1)
    expectProblem(await acts.refresh(key), 401, 'refresh_token_invalid')
  })

  test('that is made up, cut or longer is none', async () => {
    const { token } = await acts.somebody()
    const { key } = (await acts.makeKey(token)).body
    for (const wrong of ['kmb_', `kmb_${'A'.repeat(43)}`, key.slice(0, -1), `${key}A`, key.slice(4), key.toUpperCase()])
      expectProblem(await acts.profile(wrong), 401, 'unauthenticated')
  })

  test('says when it was last used, within a minute', async () => {
    const { token } = await acts.somebody()
    const { key } = (await acts.makeKey(token)).body
    expect((await acts.get('/api-keys', token)).body.items[0].lastUsedAt).toBeNull()
    world.clock.advance(MINUTE)
    await acts.profile(key)
    await world.write(async () => undefined)
    expect((await acts.get('/api-keys', token)).body.items[0].lastUsedAt).toBe(new Date(world.clock()).toISOString())
  })

  test('is the fifty-first at most', async () => {
    const { token } = await acts.somebody()
    for (let i = 0; i < 50; i++) expect((await acts.makeKey(token)).status).toBe(201)
    expectProblem(await acts.makeKey(token), 409, 'too_many')
  })

  test('is told of and noted, when it is made and when it is revoked', async () => {
    const { id, email, token } = await acts.somebody()
    const made = (await acts.makeKey(token)).body
    await acts.del(`/api-keys/${made.id}`, token)
    expect(await acts.toldTo(email)).toContain('An API key was made for your account.')
    const rows = (await acts.auditOf(id)).filter(({ action }) => action.startsWith('api_key.'))
    expect(rows.map(({ action, address, detail }) => [action, address, (detail as { keyId: string }).keyId])).toEqual([
      ['api_key.make', '192.0.2.1', made.id],
      ['api_key.revoke', '192.0.2.1', made.id],
    ])
  })
})
