/** Who is told what, when; and what is kept while a message waits. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { sql } from 'drizzle-orm'
import { withdrawalCancelled, withdrawalRequested } from '../../../src/modules/withdrawals/events'
import { createWorld, PASSWORD, type Person, PIN, type World } from '../../support/world'

let world: World
let amina: Person

beforeAll(async () => {
  world = await createWorld()
  amina = await world.customer(50_000)
})
afterAll(() => world.end())

const withdraw = async (amount: number) => {
  const { status, body } = await world.call('POST', '/api/v1/atm/withdrawal-request', {
    token: amina.token,
    body: { amount, pin: PIN },
  })
  expect(status).toBe(201)
  return body
}
const cancel = (id: string) =>
  world.call('POST', `/api/v1/atm/withdrawals/${id}/cancel`, { token: amina.token, body: {} })

test('a code that waits to be sent lies nowhere in the clear', async () => {
  const email = 'waiting@example.com'
  await world.call('POST', '/api/v1/auth/register', { body: { name: 'Wema', email, password: PASSWORD } })
  const { store } = world.runtime
  const rowsOf = (table: string) => store.rows<object>(store.read, sql`select * from ${sql.identifier(table)}`)
  const before = [...(await rowsOf('events')), ...(await rowsOf('work'))]
  await world.app.queue.drain()
  const after = [...(await rowsOf('notifications')), ...(await rowsOf('deliveries'))]
  const kept = JSON.stringify([before, after])
  expect(after.length).toBeGreaterThan(1)

  const [mail] = await world.mailTo(email)

  const code = /\d{6}/.exec(mail?.subject ?? '')?.[0] as string
  expect(code).toMatch(/^\d{6}$/)
  expect(kept).not.toMatch(new RegExp(`\\b${code}\\b`))
  expect(kept).not.toContain(email)
})

test('a message is sent once, however often the work is looked for', async () => {
  await withdraw(100)
  await Promise.all([world.app.settle(), world.app.settle(), world.app.settle()])

  const mails = await world.mailTo(amina.email)
  expect(mails.filter(({ subject }) => subject === 'A withdrawal of USD 1.00 is waiting for you')).toHaveLength(1)
})

test('a refused request tells nobody anything', async () => {
  const before = (await world.mailTo(amina.email)).length
  const refused = await world.call('POST', '/api/v1/atm/withdrawal-request', {
    token: amina.token,
    body: { amount: 10_000_000, pin: PIN },
  })
  expect(refused.status).toBe(422)
  expect((await world.mailTo(amina.email)).length).toBe(before)
})

test('what happened to one person reaches a subscriber in the order in which it happened', async () => {
  const seen: string[] = []
  const note = async (what: string, looks: number) => {
    // The first takes longer than the second.
    for (let i = 0; i < looks; i++) await world.runtime.store.ping()
    seen.push(what)
    return undefined
  }
  world.app.events.subscribe({ name: 'order', to: withdrawalRequested, handle: () => note('requested', 20) })
  world.app.events.subscribe({ name: 'order', to: withdrawalCancelled, handle: () => note('cancelled', 0) })
  const { id } = await withdraw(200)
  expect((await cancel(id)).status).toBe(200)

  await world.app.settle()

  expect(seen).toEqual(['requested', 'cancelled'])
})

describe('every message', () => {
  test('greets by name, names its reference, and tells no PIN, password or token', async () => {
    const { token } = await withdraw(300)
    const all = await world.mailTo(amina.email)
    const money = all.filter(({ subject }) => /USD/.test(subject))
    expect(money.length).toBeGreaterThan(1)
    for (const { text } of money) {
      expect(text).toStartWith('Hello customer 1,')
      expect(text).toMatch(/Reference: (txn|wdr)_[0-9a-z]{20}/)
      for (const secret of [PIN, PASSWORD, token]) expect(text).not.toContain(secret)
    }
  })
})

test('an instance without any provider works: each person has the inbox, and nothing waits for nobody', async () => {
  const silent = await createWorld({ mode: 'production' })
  try {
    const [sender, receiver] = [await silent.customer(1_000), await silent.person('customer')]
    const { status, body } = await silent.call('POST', '/api/v1/wallet/me/transfer', {
      token: sender.token,
      body: { to: receiver.id, amount: 10, pin: PIN },
    })
    expect(status).toBe(201)
    await silent.app.settle()

    const newest = async ({ token }: Person) =>
      (await silent.call('GET', '/api/v1/notifications/inbox', { token })).body.items[0]
    expect(await newest(sender)).toMatchObject({
      template: 'money_sent',
      title: 'You sent USD 0.10',
      about: body.id,
      readAt: null,
    })
    expect(await newest(receiver)).toMatchObject({ template: 'money_received', about: body.id, readAt: null })
    expect(await silent.app.queue.counts()).toEqual({ waiting: 0, dead: 0 })
    const { store } = silent.runtime
    expect(await store.rows(store.read, sql`select id from deliveries`)).toEqual([])
    const { ready, dependencies } = (await silent.call('GET', '/ready')).body
    expect(ready).toBe(true)
    expect(dependencies.find(({ name }: { name: string }) => name === 'email')).toMatchObject({ state: 'off' })
  } finally {
    await silent.end()
  }
})
