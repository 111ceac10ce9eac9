/** What is known of a person lies nowhere in the clear while messages go out, and is gone when they leave. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { sql } from 'drizzle-orm'
import { createLog } from '../../../src/platform/observability/log'
import { createWorld, PASSWORD, PIN, type World } from '../../support/world'

const EMAIL = 'wema.kiprono@example.org'
const PHONE = '+258841357924'
const STRANGER = 'nobody.here@example.net'
const TABLES = ['notifications', 'deliveries', 'delivery_receipts', 'events', 'work', 'suppressions', 'notification_targets']

let world: World
const lines: string[] = []

beforeAll(async () => {
  const log = createLog({ level: 'debug', write: (line: string) => lines.push(line) } as never)
  world = await createWorld({ 'log-level': 'debug' }, log)
})
afterAll(() => world.end())

async function everything(): Promise<string> {
  const { store } = world.runtime
  const tables = await Promise.all(
    TABLES.map((table) => store.rows<object>(store.read, sql`select * from ${sql.identifier(table)}`)),
  )
  return JSON.stringify(tables)
}

test('names, addresses, codes and tokens are in no row and no line, at any stage', async () => {
  const made = await world.app.identity.people.create(
    { name: 'Wema Kiprono', email: EMAIL, phone: PHONE, password: PASSWORD, role: 'customer', pin: PIN, agentId: undefined },
    'system',
  )
  if (!made.ok) throw new Error(made.code)
  const till = await world.agent(500_000)
  await world.app.agents.cashIn({ by: till.id, to: made.value.id, amount: 50_000 }, world.write)
  const token = await world.signIn(EMAIL)
  await world.call('POST', '/api/v1/auth/forgot-password', { body: { email: EMAIL } })
  const asked = await world.call('POST', '/api/v1/atm/withdrawal-request', {
    token,
    body: { amount: 1_000, pin: PIN, sendCode: true },
  })
  expect(asked.status).toBe(201)
  const operator = await world.person('operator')
  for (const channel of ['email', 'sms'])
    expect(
      (
        await world.call('POST', '/api/v1/internal/notifications/otp', {
          token: operator.token,
          body: { to: channel === 'email' ? STRANGER : '+258847654321', code: 'ZQ7193XW', channel },
        })
      ).status,
    ).toBe(202)

  const stages = [await everything()]
  await world.app.queue.drain()
  stages.push(await everything())
  const mails = [...(await world.mailTo(EMAIL)), ...(await world.mailTo(PHONE)), ...(await world.mailTo(STRANGER))]
  stages.push(await everything())
  const reset = mails.map(({ text }) => /token=([\w-]{20,})/.exec(text)?.[1]).find((found) => found !== undefined)
  expect(reset).toBeString()
  expect(mails.map(({ text }) => text).join('\n')).toContain('ZQ7193XW')

  const secrets = ['Wema', 'Kiprono', EMAIL, PHONE, STRANGER, '258847654321', 'ZQ7193XW', asked.body.token, reset ?? '']
  for (const kept of [...stages, lines.join('\n')])
    for (const secret of secrets) expect(kept.includes(secret) ? secret : 'nothing').toBe('nothing')

  const { erasures } = { erasures: await world.call('DELETE', '/api/v1/auth/me', { token, body: { password: PASSWORD } }) }
  expect(erasures.status).toBeLessThan(500)
})
