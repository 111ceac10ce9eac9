/** Seeing all that is kept about oneself, and leaving: what goes at once, what is kept sealed, and for how long. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { sql } from 'drizzle-orm'
import { expectProblem } from '../../acceptance/answers'
import { createWorld, PASSWORD, PIN, type World } from '../../support/world'
import { type Acts, actsIn, DAY, MINUTE, type SignedIn } from './acts'

let world: World
let acts: Acts

beforeAll(async () => {
  world = await createWorld()
  acts = actsIn(world)
})
afterAll(() => world.end())

const close = (token: string) => acts.post('/close', undefined, { token })

/** Every table and column in which the text stands, in whatever case. */
async function placesOf(text: string): Promise<string[]> {
  const { engine, read, rows } = world.runtime.store
  const list =
    engine === 'sqlite'
      ? sql`select name from sqlite_master where type = 'table' and name not like 'sqlite_%'`
      : sql`select table_name as name from information_schema.tables where table_schema = 'public'`
  const found: string[] = []
  for (const { name } of await rows<{ name: string }>(read, list)) {
    const all = await rows<Record<string, unknown>>(read, sql`select * from ${sql.identifier(name)}`)
    for (const row of all) {
      for (const [column, value] of Object.entries(row))
        if (String(value).toLowerCase().includes(text.toLowerCase())) found.push(`${name}.${column}`)
    }
  }
  return [...new Set(found)]
}

describe('the export', () => {
  test('holds profile, factors, sessions, devices, audit log and money, and no secret', async () => {
    const person = await world.customer(5_000)
    const { secret, recoveryCodes } = await world.setUpApp(person.email, person.token)
    const { status, body } = await acts.get('/export', person.token)
    expect(status).toBe(200)
    expect(body.profile).toMatchObject({ id: person.id, email: person.email })
    expect(body.secondFactors.methods).toEqual(['totp'])
    expect(body.sessions.length).toBeGreaterThan(0)
    expect(body.devices.length).toBeGreaterThan(0)
    expect(body.auditLog.some(({ action }: { action: string }) => action === 'factor.add')).toBe(true)
    expect(Object.keys(body)).toEqual(expect.arrayContaining(['wallet']))
    const text = JSON.stringify(body)
    for (const hidden of [secret, ...recoveryCodes, 'argon2', person.token, 'tokenHash', 'passwordHash', 'pinHash'])
      expect(text).not.toContain(hidden)
  })

  test('holds nobody else’s data', async () => {
    const [one, other] = [await acts.somebody(), await acts.somebody()]
    const text = JSON.stringify((await acts.get('/export', one.token)).body)
    expect(text).not.toContain(other.email)
    expect(text).not.toContain(other.id)
  })
})

describe('closing the account', () => {
  test('is refused while money is left, and changes nothing', async () => {
    const person = await world.customer(1_000)
    expectProblem(await close(person.token), 409, 'money_left')
    expect((await acts.profile(person.token)).body.status).toBe('active')
    expect((await acts.login(person.email)).status).toBe(200)
  })

  test('is refused while money is held', async () => {
    const person = await world.customer(10_100)
    const body = { amount: 10_000, pin: PIN }
    const asked = await world.call('POST', '/api/v1/atm/withdrawal-request', { token: person.token, body })
    expect(asked.status).toBe(201)
    expectProblem(await close(person.token), 409, 'money_left')
  })

  test('ends sessions, keys, devices and factors at once, and is told', async () => {
    const person = await acts.somebody()
    await world.setUpApp(person.email, person.token)
    const { key } = (await acts.makeKey(person.token)).body
    expect((await close(person.token)).status).toBe(204)
    for (const token of [person.token, key]) expectProblem(await acts.profile(token), 401, 'unauthenticated')
    expectProblem(await acts.refresh(person.refreshToken), 401, 'refresh_token_invalid')
    expectProblem(await acts.login(person.email), 401, 'credentials_invalid')
    expect(await acts.toldTo(person.email)).toContain('Your account was closed.')
    const rows = (await acts.auditOf(person.id)).filter(({ action }) => action === 'user.close')
    expect(rows).toMatchObject([{ actor: person.id, outcome: 'allowed', address: '192.0.2.1' }])
  })

  test('makes a sign-in that was half done, and a link that was sent, worth nothing', async () => {
    const person = await acts.somebody()
    await acts.withCodes(person, 'email')
    await acts.post('/forgot-password', { email: person.email })
    const link = await acts.linkTo(person.email)
    const { challengeId } = await acts.challengeOf(person.email)
    await acts.post('/login/2fa/send', { challengeId, method: 'email' })
    const [code] = (await acts.codesTo(person.email)) as [string]
    expect((await close(person.token)).status).toBe(204)
    expectProblem(await acts.show(challengeId, 'email', code), 401, 'challenge_invalid')
    const reset = await acts.post('/reset-password', { token: link, password: 'a longer walk to the sea' })
    expectProblem(reset, 422, 'reset_token_invalid')
  })
})

describe('after closing', () => {
  const NAME = 'Zulmira Xavantinho'

  /** Somebody who used everything that keeps something about people, and has left. */
  async function gone(email: string, phone: string): Promise<{ id: string; passwordHash: string }> {
    await acts.post('/register', { name: NAME, email, phone, password: PASSWORD })
    const [code] = (await acts.codesTo(email)) as [string]
    const { body } = await acts.post('/verify-email', { email, code })
    const person = { id: body.user.id, email, phone, token: body.accessToken } as SignedIn
    await acts.post('/phone/verify', { code: (await acts.codesTo(phone))[0] }, { token: person.token })
    const { passwordHash } = await acts.rowOf(person.id)
    await acts.put('/email', person.token, { email: `moved.${email}` })
    const [moving] = (await acts.codesTo(`moved.${email}`)) as [string]
    await acts.post('/email/verify', { code: moving }, { token: person.token })
    await acts.put('/email', person.token, { email })
    await acts.post('/forgot-password', { email: `moved.${email}` })
    await acts.post('/api-keys', { name: NAME, scopes: ['profile:read'] }, { token: person.token })
    const key = 'zulmira-closes'
    const headers = { 'idempotency-key': key }
    await world.call('POST', '/api/v1/wallet/me/transfer', {
      token: person.token,
      headers,
      body: { to: phone, amount: 1, pin: PIN, note: NAME },
    })
    await world.mailTo(email)
    expect((await close(person.token)).status).toBe(204)
    await world.mailTo(email)
    return { id: person.id, passwordHash }
  }

  test('no table holds the name, the address, the number or the password, except sealed', async () => {
    const [email, phone] = ['zulmira.x@example.com', '+258879998877']
    const { passwordHash } = await gone(email, phone)
    const left: Record<string, string[]> = {}
    for (const [what, text] of Object.entries({ NAME, email, phone, passwordHash })) left[what] = await placesOf(text)
    expect(left).toEqual({ NAME: [], email: [], phone: [], passwordHash: [] })
  })

  test('an operator sees whose it was until it is erased; nobody does after', async () => {
    const operator = await acts.somebody('operator')
    const [email, phone] = ['zulmira.y@example.com', '+258879998878']
    const { id } = await gone(email, phone)
    const look = async () => {
      const { accessToken } = (await acts.login(operator.email)).body
      return (await world.call('GET', `/api/v1/users/${id}`, { token: accessToken })).body
    }
    const closedAt = world.clock()
    const seen = await look()
    expect(seen).toMatchObject({ name: 'Closed account', email: '', phone: null, status: 'closed' })
    expect(seen.closed).toEqual({
      name: NAME,
      email: `moved.${email}`,
      phone,
      closedAt: new Date(closedAt).toISOString(),
      eraseAt: new Date(closedAt + 1_825 * DAY).toISOString(),
    })
    world.clock.advance(1_825 * DAY)
    await world.app.identity.prune(world.clock())
    expect((await look()).closed).toBeDefined()
    world.clock.advance(1)
    await world.app.identity.prune(world.clock())
    expect((await look()).closed).toBeUndefined()
    expect((await acts.auditOf(id)).filter(({ action }) => action === 'user.erase')).toHaveLength(1)
  })

  test('the address may register anew, and that is another account', async () => {
    const [email, phone] = ['zulmira.z@example.com', '+258879998879']
    const { id } = await gone(email, phone)
    await acts.post('/forgot-password', { email })
    expect(await acts.linkTo(email)).toBe('')
    world.clock.advance(MINUTE)
    const again = await acts.post('/register', { name: NAME, email, phone, password: PASSWORD })
    expect(again.status).toBe(201)
    const [code] = (await acts.codesTo(email)) as [string]
    const { status, body } = await acts.post('/verify-email', { email, code })
    expect(status).toBe(200)
    expect(body.user.id).not.toBe(id)
    expect(body.user.pinSet).toBe(false)
    expect((await acts.get('/api-keys', body.accessToken)).body.items).toEqual([])
    expect((await world.app.identity.find(id))?.status).toBe('closed')
  })

  test('it is kept as long as the operator set', async () => {
    const brief = await createWorld({ 'closed-kept-days': '30' })
    try {
      const { id, token } = await actsIn(brief).somebody()
      await actsIn(brief).post('/close', undefined, { token })
      const kept = await brief.app.identity.closing.identityOf(id)
      expect(kept?.eraseAt).toBe(brief.clock() + 30 * DAY)
      brief.clock.advance(30 * DAY + 1)
      await brief.app.identity.prune(brief.clock())
      expect(await brief.app.identity.closing.identityOf(id)).toBeUndefined()
    } finally {
      await brief.end()
    }
  })
})
