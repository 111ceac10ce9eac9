/** The audit log: every decision leaves a row, no row ever changes, and whoever may can search and export it. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'
import { auditLog } from '../../../src/modules/identity/schema'
import { expectProblem } from '../../acceptance/answers'
import { until } from '../../support/until'
import { type Answer, createWorld, PASSWORD, type World } from '../../support/world'
import { type Acts, actsIn, anotherThan, MINUTE, NEW_PASSWORD, type SignedIn } from './acts'

let world: World
let acts: Acts
let operator: SignedIn

beforeAll(async () => {
  world = await createWorld({ 'trusted-proxies': '10.0.0.1' })
  acts = actsIn(world)
  operator = await acts.somebody('operator')
})
afterAll(() => world.end())

interface Row {
  id: string
  at: string
  actor: string
  action: string
  subject: string
  outcome: string
  address: string | null
  detail: Record<string, unknown>
}

async function look(path: string, query: Record<string, string> = {}) {
  const token = (await acts.login(operator.email)).body.accessToken
  return world.call('GET', `/api/v1/audit${path}?${new URLSearchParams(query)}`, { token })
}

const search = async (query: Record<string, string>): Promise<Row[]> => {
  const { status, body } = await look('', query)
  expect(status).toBe(200)
  return body.items
}
const csv = async (query: Record<string, string>): Promise<string> => (await look('/export', query)).body

describe('the database', () => {
  test('refuses to change or delete a row, whoever asks', async () => {
    const id = (await acts.auditOf(operator.id))[0]?.id ?? ''
    const change = world.write(async (tx) => {
      await tx.update(auditLog).set({ outcome: 'refused' }).where(eq(auditLog.id, id))
    })
    expect(change).rejects.toThrow()
    await change.catch(() => undefined)
    const removal = world.write(async (tx) => {
      await tx.delete(auditLog).where(eq(auditLog.id, id))
    })
    expect(removal).rejects.toThrow()
    await removal.catch(() => undefined)
    const [row] = await world.runtime.store.read.select().from(auditLog).where(eq(auditLog.id, id))
    expect(row?.outcome).toBe('allowed')
  })
})

describe('what leaves a row, with who, what, whence, when and how it ended', () => {
  const FROM = '198.51.100.60'
  let person: SignedIn

  const at = (method: string, path: string, body?: unknown) =>
    world.call(method, `/api/v1/auth${path}`, {
      token: person.token,
      from: FROM,
      ...(body === undefined ? {} : { body }),
    })
  const code = async (address = person.email) => (await acts.codesTo(address))[0] as string
  const app = async () => (await at('POST', '/2fa/totp')).body.secret as string
  const confirmApp = async () => at('POST', '/2fa/totp/confirm', { code: world.appCode(await app()) })

  const DECISIONS: Array<[string, string, string, () => Promise<unknown>]> = [
    ['a sign-in', 'session.login', 'allowed', () => acts.login(person.email, PASSWORD, {}, { from: FROM })],
    ['a wrong password', 'session.login', 'refused', () => acts.login(person.email, 'a guess', {}, { from: FROM })],
    [
      'a wrong second factor',
      'session.login',
      'refused',
      async () => {
        await confirmApp()
        const { challengeId } = await acts.challengeOf(person.email)
        await acts.show(challengeId, 'totp', 'x', {}, { from: FROM })
      },
    ],
    [
      'signing out',
      'session.end',
      'allowed',
      () => acts.post('/logout', { refreshToken: person.refreshToken }, { from: FROM }),
    ],
    ['signing out everywhere', 'session.end_all', 'allowed', () => at('DELETE', '/sessions')],
    ['a step-up', 'session.step_up', 'allowed', () => at('POST', '/step-up', { password: PASSWORD })],
    ['a refused step-up', 'session.step_up', 'refused', () => at('POST', '/step-up', { password: 'a guess' })],
    ['an app', 'factor.add', 'allowed', () => confirmApp()],
    [
      'a wrong first code of an app',
      'factor.add',
      'refused',
      async () => {
        const right = world.appCode(await app())
        await at('POST', '/2fa/totp/confirm', { code: anotherThan(right) })
      },
    ],
    [
      'an app that is removed',
      'factor.remove',
      'allowed',
      async () => {
        await confirmApp()
        await at('DELETE', '/2fa/totp')
      },
    ],
    [
      'new recovery codes',
      'factor.recovery_codes',
      'allowed',
      async () => {
        await confirmApp()
        await at('POST', '/2fa/recovery-codes')
      },
    ],
    [
      'codes by e-mail',
      'factor.add',
      'allowed',
      async () => {
        await at('POST', '/step-up/send', { method: 'email' })
        await at('PUT', '/2fa/email', { code: await code() })
      },
    ],
    [
      'a new e-mail address',
      'email.change',
      'allowed',
      async () => {
        await at('PUT', '/email', { email: `n.${person.email}` })
        await at('POST', '/email/verify', { code: await code(`n.${person.email}`) })
      },
    ],
    ['a wrong code for one', 'email.change', 'refused', () => at('POST', '/email/verify', { code: '000000' })],
    ['removing the number', 'phone.remove', 'allowed', () => at('DELETE', '/phone')],
    ['a PIN', 'pin.set', 'allowed', () => at('PUT', '/pin', { pin: '7391' })],
    [
      'a password',
      'password.change',
      'allowed',
      () => at('PUT', '/password', { currentPassword: PASSWORD, newPassword: NEW_PASSWORD }),
    ],
    [
      'a password that is reset',
      'password.reset',
      'allowed',
      async () => {
        await acts.post('/forgot-password', { email: person.email })
        const body = { token: await acts.linkTo(person.email), password: NEW_PASSWORD }
        await acts.post('/reset-password', body, { from: FROM })
      },
    ],
    ['an API key', 'api_key.make', 'allowed', () => at('POST', '/api-keys', { name: 'x', scopes: ['profile:read'] })],
    ['closing', 'user.close', 'allowed', () => at('POST', '/close')],
  ]

  test.each(DECISIONS)('%s', async (_, action, outcome, act) => {
    person = await acts.somebody()
    world.clock.advance(MINUTE)
    await act()
    const rows = (await acts.auditOf(person.id)).filter(
      (row) => row.action.startsWith(action) && row.outcome === outcome,
    )
    const row = rows.at(-1)
    expect({ rows: rows.length > 0, actor: row?.actor, address: row?.address }).toEqual({
      rows: true,
      actor: person.id,
      address: FROM,
    })
  })

  test('ten wrong codes that lock the codes', async () => {
    person = await acts.somebody()
    await confirmApp()
    for (let i = 0; i < 10; i++) await at('POST', '/step-up', { method: 'totp', code: 'x' })
    const rows = await acts.auditOf(person.id)
    const refused = rows.filter(({ action, outcome }) => action === 'session.step_up' && outcome === 'refused')
    expect(refused).toHaveLength(10)
  })

  test('what an operator does: making somebody, freezing, unfreezing', async () => {
    const boss = await acts.somebody('operator')
    const by = (method: string, path: string, body: object) =>
      world.call(method, `/api/v1${path}`, { token: boss.token, from: FROM, body })
    const made = await by('POST', '/users', { name: 'A', email: 'made@example.com', password: PASSWORD, role: 'agent' })
    expect(made.status).toBe(201)
    await by('POST', `/users/${made.body.id}/freeze`, {})
    await by('POST', `/users/${made.body.id}/unfreeze`, {})
    const rows = await acts.auditOf(made.body.id)
    expect(rows.map(({ action, actor, outcome, address }) => [action, actor, outcome, address])).toEqual([
      ['user.create', boss.id, 'allowed', FROM],
      ['user.freeze', boss.id, 'allowed', FROM],
      ['user.unfreeze', boss.id, 'allowed', FROM],
    ])
    expect(rows[0]?.detail).toMatchObject({ role: 'agent' })
  })

  test('what is decided about money and places: each says from where', async () => {
    const boss = await acts.somebody('operator')
    const agent = await world.person('agent')
    const decide = async (path: string, body: object) => {
      const { status } = await world.call('POST', `/api/v1${path}`, { token: boss.token, body, from: FROM })
      expect(status).toBe(201)
    }
    await decide(`/agents/${agent.id}/float`, { amount: 5_000 })
    await decide('/appointments/services', { name: 'Advice', durationMinutes: 30, timeZone: 'Africa/Maputo' })
    for (const action of ['float.issue', 'appointments.service_create'])
      expect(await world.app.identity.auditLog.search({ action, limit: 5 })).toMatchObject([
        { actor: boss.id, outcome: 'allowed', address: FROM },
      ])
  })

  test('no row holds a password, a code, or an address of e-mail', async () => {
    const text = JSON.stringify(await world.runtime.store.read.select().from(auditLog))
    for (const secret of [PASSWORD, NEW_PASSWORD, 'a guess', '@example.com', 'argon2'])
      expect(text).not.toContain(secret)
  })
})

describe('the search', () => {
  test('filters by who, whom, what, how it ended and when, newest first', async () => {
    const one = await acts.somebody()
    world.clock.advance(MINUTE)
    const moment = new Date(world.clock()).toISOString()
    await acts.login(one.email, 'a guess')
    await acts.login(one.email)
    const mine = await search({ subject: one.id })
    expect(mine.map(({ outcome }) => outcome)).toEqual(['allowed', 'refused', 'allowed'])
    expect(await search({ subject: one.id, outcome: 'refused' })).toHaveLength(1)
    expect(await search({ actor: one.id, action: 'session.' })).toHaveLength(3)
    expect(await search({ actor: one.id, action: 'session.login' })).toHaveLength(3)
    expect(await search({ actor: one.id, action: 'user.' })).toEqual([])
    expect(await search({ subject: one.id, from: moment })).toHaveLength(2)
    expect(await search({ subject: one.id, to: moment })).toHaveLength(1)
    expect(await search({ subject: one.id, from: moment, to: moment })).toEqual([])
    expect(await search({ subject: "' or 1=1 --" })).toEqual([])
    expect(await search({ actor: one.id, action: '%' })).toHaveLength(3)
  })

  test('goes on page by page without leaving out or repeating a row', async () => {
    const one = await acts.somebody()
    for (let i = 0; i < 7; i++) await acts.login(one.email, 'a guess')
    const seen: string[] = []
    let cursor: string | null = null
    do {
      const { body }: Answer = await look('', { subject: one.id, limit: '3', ...(cursor !== null && { cursor }) })
      seen.push(...body.items.map(({ id }: Row) => id))
      cursor = body.nextCursor
    } while (cursor !== null)
    expect(seen).toHaveLength(8)
    expect([...new Set(seen)].sort().reverse()).toEqual(seen)
    expectProblem(await look('', { cursor: 'eA' }), 400, 'cursor_invalid')
  })

  test('is for operators and auditors', async () => {
    for (const role of ['customer', 'agent', 'support', 'teller'] as const) {
      const { token } = await acts.somebody(role)
      expectProblem(await world.call('GET', '/api/v1/audit', { token }), 403, 'insufficient_scope')
      expectProblem(await world.call('GET', '/api/v1/audit/export', { token }), 403, 'insufficient_scope')
    }
    const { token } = await acts.somebody('auditor')
    expect((await world.call('GET', '/api/v1/audit', { token })).status).toBe(200)
  })
})

describe('the export', () => {
  test('is CSV with a header row, of all that fits the filter', async () => {
    const one = await acts.somebody()
    for (let i = 0; i < 3; i++) await acts.login(one.email, 'a guess')
    const lines = (await csv({ subject: one.id })).trimEnd().split('\r\n')
    expect(lines[0]).toBe('id,at,actor,action,subject,outcome,address,detail')
    expect(lines).toHaveLength(5)
    expect(lines[1]).toContain(`${one.id},session.login,${one.id},refused,192.0.2.1,"{""reason"":`)
  })

  test('of more rows than fit into one page has them all, each once', async () => {
    const one = await acts.account()
    await world.write(async (tx) => {
      const row = { at: world.clock(), actor: 'system', action: 'test.row', subject: one.id, outcome: 'allowed' }
      const rows = Array.from({ length: 1_001 }, () => ({
        ...row,
        id: world.runtime.newId('aud'),
        address: null,
        detail: {},
      }))
      for (let i = 0; i < rows.length; i += 100) await tx.insert(auditLog).values(rows.slice(i, i + 100))
    })
    const lines = (await csv({ subject: one.id })).trimEnd().split('\r\n').slice(1)
    expect(new Set(lines.map((line) => line.split(',')[0])).size).toBe(1_001)
  })

  test.each(['=1+1', '+1', '-1+1', '@SUM(A1)', '\tx'])('makes no formula of %p', async (address) => {
    const one = await acts.account()
    await acts.login(one.email, 'a guess', {}, { from: '10.0.0.1', headers: { 'x-forwarded-for': address } })
    const [, line = ''] = (await csv({ subject: one.id })).split('\r\n')
    for (const cell of line.split(',')) expect(cell).not.toMatch(/^"?[=+\-@\t\r]/)
  })
})

describe('a limit that is reached', () => {
  test('leaves one row, however often it is tried', async () => {
    const limited = await createWorld({ 'rate-limit': '1000' })
    try {
      const one = await limited.person('customer')
      for (let i = 0; i < 14; i++) {
        await limited.call('POST', '/api/v1/auth/login', {
          body: { email: one.email, password: 'a guess' },
          from: '203.0.113.9',
        })
      }
      const noted = () => limited.app.identity.auditLog.search({ action: 'limit.reached', limit: 10 })
      // Whoever is refused does not wait until it is noted.
      await until(async () => (await noted()).length > 0)
      expect(await noted()).toMatchObject([
        { subject: one.id, outcome: 'refused', address: '203.0.113.9', detail: { what: 'password' } },
      ])
    } finally {
      await limited.end()
    }
  })
})
