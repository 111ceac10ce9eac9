/** What is known of a person lies nowhere in the clear while messages go out, and is gone when they leave. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { createLog } from '../../../src/platform/observability/log'
import { createWorld, PASSWORD, PIN, type World } from '../../support/world'

const EMAIL = 'wema.kiprono@example.org'
const PHONE = '+258841357924'
const STRANGER = 'nobody.here@example.net'
const TABLES = [
  'notifications',
  'deliveries',
  'delivery_receipts',
  'events',
  'work',
  'suppressions',
  'notification_targets',
]

let world: World
let folder: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kumbu-log-'))
  const log = createLog({ level: 'debug', file: join(folder, 'log') })
  world = await createWorld({ 'log-level': 'debug' }, log)
})
afterAll(async () => {
  await world.end()
  rmSync(folder, { recursive: true })
})

async function everything(): Promise<string> {
  const { store } = world.runtime
  const tables = await Promise.all(
    TABLES.map((table) => store.rows<object>(store.read, sql`select * from ${sql.identifier(table)}`)),
  )
  return JSON.stringify(tables)
}

test('names, addresses, codes and tokens are in no row and no line, at any stage', async () => {
  const made = await world.app.identity.people.create(
    {
      name: 'Wema Kiprono',
      email: EMAIL,
      phone: PHONE,
      password: PASSWORD,
      role: 'customer',
      pin: PIN,
      agentId: undefined,
    },
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
  for (const kept of [...stages, readFileSync(join(folder, 'log'), 'utf8')])
    for (const secret of secrets) expect(kept.includes(secret) ? secret : 'nothing').toBe('nothing')
})

test('whoever leaves is told nothing more, and nothing is kept of what they were told', async () => {
  const person = await world.person('customer')
  await world.app.settle()
  await world.call('PUT', '/api/v1/notifications/preferences', {
    token: person.token,
    body: { quietHours: { from: '00:00', to: '23:59' }, digests: { news: 'daily' } },
  })
  const { outbox } = world.app.notifications
  const news = {
    userId: person.id,
    template: 'announcement',
    data: { title: 'Late news', message: 'M' },
    about: 'late',
    tracks: [[{ medium: 'email' as const }], [{ medium: 'in_app' as const }]],
  }
  const arranged = await outbox.arrange(news)
  await world.write((tx) => outbox.put(tx, arranged))
  await world.app.settle()
  expect(await everything()).toContain('late')

  const closed = await world.call('POST', '/api/v1/auth/close', { token: person.token, body: undefined })
  expect(closed.status).toBe(204)
  await world.app.settle()
  world.clock.advance(3 * 24 * 3_600_000)
  const mails = await world.mailTo(person.email)
  expect(mails.map(({ subject }) => subject)).not.toContain('Late news')
  const { store } = world.runtime
  const rows = await store.rows<{ template: string }>(
    store.read,
    sql`select template from notifications where recipient = ${person.id}`,
  )
  expect(rows.filter(({ template }) => template === 'announcement')).toEqual([])
  expect(
    await store.rows(store.read, sql`select user_id from notification_preferences where user_id = ${person.id}`),
  ).toEqual([])
})

test('a suppressed address is shown by a hint that does not hold all of it, however short it is', async () => {
  const { suppressions } = world.app.notifications
  const addresses = ['ab@example.com', 'a@example.com', 'amina@example.com']
  for (const address of addresses) await world.write((tx) => suppressions.add(tx, 'email', address, 'operator'))
  const hints = (await suppressions.list(10)).map(({ hint }) => hint)
  for (const address of addresses) expect(hints.filter((hint) => hint.replace('…', '') === address)).toEqual([])
})
