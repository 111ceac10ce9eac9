/** What became of messages, as operators see it: lists, what reached nobody, addresses that get nothing, and the figures. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { createMailServer, type MailServer } from '../modules/notifications/mail-server'
import { createWorld, type Person, PIN, type World } from '../support/world'
import { expectProblem } from './answers'
import { ANNOUNCEMENT, allOf, as, DAY, HOUR, MINUTE } from './messages'

let server: MailServer
let world: World
let operator: Person
let amina: Person
let bruno: Person

beforeAll(async () => {
  server = await createMailServer()
  world = await createWorld({ 'smtp-url': server.url })
  operator = await world.person('operator')
  amina = await world.customer(100_000)
  bruno = await world.person('customer')
  await world.app.settle()
})
afterAll(async () => {
  await world.end()
  await server.stop()
})
beforeEach(async () => {
  server.answerWith()
  // Long enough for the server to be trusted again.
  await world.wait(10 * MINUTE)
})

const byOperator = (method: string, path: string, body?: unknown) =>
  as(world, operator, method, path, body === undefined ? {} : { body })
const send = async (body: object): Promise<string> => {
  const answer = await byOperator('POST', 'send', { ...ANNOUNCEMENT, ...body })
  expect(answer.status).toBe(202)
  await world.app.settle()
  return answer.body.id
}
const messageOf = async (id: string) => (await byOperator('GET', `messages/${id}`)).body
const takenFor = (address: string) => server.mails.filter(({ to }) => to.includes(address)).length

describe('the list of what was sent', () => {
  interface Row {
    id: string
    userId: string | null
    template: string
    status: string
    about: string
  }
  const list = (query: string) => allOf<Row>(world, operator, `messages?${query}`)

  beforeAll(async () => {
    const body = { to: bruno.id, amount: 100, pin: PIN }
    for (let i = 0; i < 3; i++)
      expect((await as(world, amina, 'POST', '/api/v1/wallet/me/transfer', { body })).status).toBe(201)
    for (let i = 0; i < 3; i++) await send({ to: bruno.id })
    const [sendAt, expiresAt] = [1, 2].map((hours) => new Date(world.clock() + hours * HOUR).toISOString())
    await send({ to: bruno.id, sendAt, expiresAt })
    await world.wait(3 * HOUR)
  })

  test('is newest first, and whole page by page', async () => {
    const everything = await list('')
    const ids = everything.map(({ id }) => id)
    expect(ids).toEqual(ids.toSorted().reverse())
    expect(everything.length).toBeGreaterThan(15)
    expect((await byOperator('GET', 'messages?limit=100')).body.items).toEqual(everything.slice(0, 100))
  })

  test('can be narrowed by person, template, status, what it is about, and all of them', async () => {
    const everything = await list('')
    const [transfer] = everything.filter(({ template }) => template === 'money_sent')
    const about = transfer?.about as string
    const queries: Array<[query: string, fits: (row: Row) => boolean]> = [
      [`to=${bruno.id}`, ({ userId }) => userId === bruno.id],
      [`to=${encodeURIComponent(bruno.email)}`, ({ userId }) => userId === bruno.id],
      ['template=money_received', ({ template }) => template === 'money_received'],
      ['status=expired', ({ status }) => status === 'expired'],
      [`about=${about}`, (row) => row.about === about],
      [`about=${about}&to=${amina.id}`, (row) => row.about === about && row.userId === amina.id],
      [
        `to=${bruno.id}&template=announcement&status=accepted`,
        ({ userId, template, status }) => userId === bruno.id && template === 'announcement' && status === 'accepted',
      ],
    ]
    for (const [query, fits] of queries) {
      const expected = everything.filter(fits)
      expect([query, expected.length]).not.toEqual([query, 0])
      expect([query, await list(query)]).toEqual([query, expected])
    }
    const named = await send({ to: bruno.id, about: 'closing-2026-11-30' })
    expect((await list('about=closing-2026-11-30')).map(({ id }) => id)).toEqual([named])
    expect(await list('template=digest')).toEqual([])
    expect(await list(`about=${about}x`)).toEqual([])
  })

  test('is found by an address that is nobody’s here, as whoever sent it knows it', async () => {
    const mailed = await send({ to: 'guest@example.com' })
    const texted = await send({ to: '+258 84 765 43 99', channels: ['sms'] })
    expect((await list('to=Guest@example.com')).map(({ id }) => id)).toEqual([mailed])
    expect((await list(`to=${encodeURIComponent('+258847654399')}`)).map(({ id }) => id)).toEqual([texted])
    expect(await list('to=nobody@example.com')).toEqual([])
  })

  test('is open to whoever reads what was sent, and to nobody else', async () => {
    for (const role of ['support', 'auditor'] as const)
      expect((await as(world, await world.person(role), 'GET', 'messages')).status).toBe(200)
    expectProblem(await as(world, amina, 'GET', 'messages'), 403, 'insufficient_scope')
  })
})

describe('what reached nobody', () => {
  interface Dead {
    id: string
    notificationId: string
    userId: string | null
    reason: string
  }
  const dead = () => allOf<Dead>(world, operator, 'dead')
  const replay = (id: string) => byOperator('POST', `dead/${id}/replay`, {})

  test('is listed with every try and its reason, without what it said', async () => {
    server.answerWith({ at: 'message', code: 554, text: '5.7.1 Not for us' })
    const id = await send({ to: bruno.id, channels: ['email'] })

    const [row] = await dead()

    expect(row).toMatchObject({
      notificationId: id,
      template: 'announcement',
      userId: bruno.id,
      channel: 'email',
      state: 'dead',
      provider: 'smtp',
      attempts: [{ provider: 'smtp', outcome: 'permanent' }],
    })
    expect(row?.reason).toContain('554')
    expect(await messageOf(id)).toMatchObject({ status: 'failed' })
    for (const said of ['Closed on Monday', bruno.email]) expect(JSON.stringify(row)).not.toContain(said)
  })

  test('is listed newest first, and whole page by page', async () => {
    server.answerWith({ at: 'message', code: 554 })
    const ids: string[] = []
    for (let i = 0; i < 4; i++) ids.unshift(await send({ to: bruno.id, channels: ['email'] }))
    expect((await dead()).slice(0, 4).map(({ notificationId }) => notificationId)).toEqual(ids)
    const narrowed = async (query: string) => (await allOf<Dead>(world, operator, `dead?${query}`)).length
    expect(await narrowed('channel=email&template=announcement')).toBeGreaterThanOrEqual(4)
    expect([await narrowed('channel=sms'), await narrowed('template=money_sent')]).toEqual([0, 0])
  })

  test('is sent again when an operator says so, and then is no longer dead', async () => {
    server.answerWith({ at: 'message', code: 554 })
    const id = await send({ to: bruno.id, channels: ['email'] })
    const before = takenFor(bruno.email)
    server.answerWith()

    const { status, body } = await replay(id)
    await world.app.settle()

    expect({ status, body }).toMatchObject({ status: 202, body: { id, status: 'waiting' } })
    expect(takenFor(bruno.email)).toBe(before + 1)
    expect(await messageOf(id)).toMatchObject({
      status: 'accepted',
      deliveries: [{ attempts: [{ outcome: 'permanent' }, { outcome: 'replayed' }, { outcome: 'accepted' }] }],
    })
    expect((await dead()).map(({ notificationId }) => notificationId)).not.toContain(id)
    expectProblem(await replay(id), 409, 'not_dead')
    expect(takenFor(bruno.email)).toBe(before + 1)
  })

  test('dies again if nothing has changed, and two operators send it once', async () => {
    server.answerWith({ at: 'message', code: 554 })
    const id = await send({ to: bruno.id, channels: ['email'] })
    expect((await replay(id)).status).toBe(202)
    await world.app.settle()
    expect((await messageOf(id)).deliveries[0]).toMatchObject({
      state: 'dead',
      attempts: [{ outcome: 'permanent' }, { outcome: 'replayed' }, { outcome: 'permanent' }],
    })
    server.answerWith()
    const before = takenFor(bruno.email)
    const answers = await Promise.all([replay(id), replay(id)])
    await world.app.settle()
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 409])
    expect(takenFor(bruno.email)).toBe(before + 1)
  })

  test('and has expired meanwhile is not sent', async () => {
    server.answerWith({ at: 'message', code: 554 })
    const expiresAt = new Date(world.clock() + HOUR).toISOString()
    const id = await send({ to: bruno.id, channels: ['email'], expiresAt })
    server.answerWith()
    const before = takenFor(bruno.email)
    await world.wait(2 * HOUR)
    expect((await replay(id)).status).toBe(202)
    await world.app.settle()
    expect(takenFor(bruno.email)).toBe(before)
    expect((await messageOf(id)).status).toBe('expired')
  })

  test('is seen by whoever reads what was sent, and sent again by operators only', async () => {
    server.answerWith({ at: 'message', code: 554 })
    const id = await send({ to: bruno.id, channels: ['email'] })
    const support = await world.person('support')
    expect((await as(world, support, 'GET', 'dead')).status).toBe(200)
    expectProblem(await as(world, support, 'POST', `dead/${id}/replay`, { body: {} }), 403, 'insufficient_scope')
    expectProblem(await replay(await send({ to: bruno.id, channels: ['in_app'] })), 409, 'not_dead')
  })
})

describe('an address that nothing is sent to any more', () => {
  interface Suppression {
    id: string
    channel: string
    hint: string
    cause: string
  }
  const list = () => allOf<Suppression>(world, operator, 'suppressions')
  const suppress = (channel: string, address: string) => byOperator('POST', 'suppressions', { channel, address })
  const release = (id: string) => byOperator('DELETE', `suppressions/${id}`)

  test('is one that an operator names; a message to it is skipped, one about security is not', async () => {
    const { status, body } = await suppress('email', bruno.email.toUpperCase())
    expect(status).toBe(201)
    expect(body).toMatchObject({ channel: 'email', cause: 'operator', hint: 'CU…@EXAMPLE.COM' })
    const before = takenFor(bruno.email)

    const id = await send({ to: bruno.id, channels: ['email'] })
    expect((await messageOf(id)).deliveries).toMatchObject([{ state: 'skipped', reason: 'suppressed: operator' }])
    expect(takenFor(bruno.email)).toBe(before)
    await world.call('POST', '/api/v1/auth/forgot-password', { body: { email: bruno.email } })
    await world.app.settle()
    expect(takenFor(bruno.email)).toBe(before + 1)

    expect((await release(body.id)).status).toBe(204)
    await send({ to: bruno.id, channels: ['email'] })
    expect(takenFor(bruno.email)).toBe(before + 2)
    expectProblem(await release(body.id), 404, 'suppression_not_found')
  })

  test('is one that its mail server says is not there, until an operator lets it have mail again', async () => {
    server.answerWith({ at: 'recipient', code: 550, text: '5.1.1 No such user' })
    await send({ to: 'gone@example.com' })
    server.answerWith()
    const [row] = await list()
    expect(row).toMatchObject({ channel: 'email', cause: 'invalid', hint: 'go…@example.com' })
    await send({ to: 'gone@example.com' })
    expect(takenFor('gone@example.com')).toBe(0)

    expect((await release(row?.id as string)).status).toBe(204)
    await send({ to: 'gone@example.com' })

    expect(takenFor('gone@example.com')).toBe(1)
  })

  test('is a number however it is written', async () => {
    expect((await suppress('sms', '+258 84 765 43 50')).status).toBe(201)
    const id = await send({ to: '+258847654350', channels: ['sms'] })
    expect((await messageOf(id)).deliveries).toMatchObject([{ state: 'skipped', reason: 'suppressed: operator' }])
  })

  test('is tried again by a replay if its provider knew none such, which is noted, and not if anybody wants it so', async () => {
    const replay = (id: string) => byOperator('POST', `dead/${id}/replay`, {})
    const [unknown, unwanted] = ['unknown@example.com', 'unwanted@example.com']
    server.answerWith({ at: 'recipient', code: 550, text: '5.1.1 No such user' })
    const ids = [await send({ to: unknown, channels: ['email'] }), await send({ to: unwanted, channels: ['email'] })]
    server.answerWith()
    const [, { id: suppressed } = { id: '' }] = await list()
    await suppress('email', unwanted)
    for (const id of ids) expect((await replay(id)).status).toBe(202)
    await world.app.settle()

    expect([takenFor(unknown), takenFor(unwanted)]).toEqual([1, 0])
    expect((await messageOf(ids[1] as string)).deliveries).toMatchObject([{ reason: 'suppressed: operator' }])
    const noted = await world.app.identity.auditLog.search({ action: 'suppression.remove', limit: 1 })
    expect(noted).toMatchObject([{ actor: operator.id, subject: suppressed }])
  })

  test('is listed newest first, and whole page by page', async () => {
    const made: string[] = []
    for (let i = 0; i < 5; i++) made.unshift((await suppress('email', `nobody${i}@example.com`)).body.id)
    expect((await list()).slice(0, 5).map(({ id }) => id)).toEqual(made)
    const again = await suppress('email', 'nobody0@example.com')
    expect(again.body.id).toBe(made.at(-1) as string)
    for (const { hint } of await list()) expect(hint).toContain('…')
  })

  test('is decided by operators, whose decision the audit log keeps', async () => {
    const { body } = await suppress('email', 'audited@example.com')
    await release(body.id)
    const entries = await world.app.identity.auditLog.search({ subject: body.id, limit: 10 })
    expect(entries.map(({ actor, action }) => [actor, action])).toEqual([
      [operator.id, 'suppression.remove'],
      [operator.id, 'suppression.add'],
    ])
    const support = await world.person('support')
    for (const [method, path] of [
      ['GET', 'suppressions'],
      ['POST', 'suppressions'],
      ['DELETE', `suppressions/${body.id}`],
    ] as const)
      expectProblem(await as(world, support, method, path, { body: {} }), 403, 'insufficient_scope')
  })
})

describe('the figures', () => {
  const metrics = async (query = '') => (await byOperator('GET', `metrics${query}`)).body
  const total = (states: Record<string, number>) => Object.values(states).reduce((sum, n) => sum + n, 0)
  const emailOf = ({ channels }: { channels: Array<Record<string, never>> }) =>
    channels.find(({ channel }) => channel === 'email') as never as {
      deliveries: number
      states: Record<string, number>
      retried: number
    }

  test('add up: every delivery is in one state, and every notification is counted once', async () => {
    const from = new Date(world.clock() - 6 * DAY).toISOString()
    const body = await metrics(`?from=${from}`)
    expect(body.from).toBe(from)
    expect(body.channels.map(({ channel }: { channel: string }) => channel)).toEqual([
      'email',
      'sms',
      'whatsapp',
      'push',
      'webhook',
    ])
    for (const { states, deliveries } of body.channels) expect(total(states)).toBe(deliveries)
    const everything = await allOf<{ id: string; status: string }>(world, operator, 'messages', 100)
    expect(total(body.notifications)).toBe(everything.length)
    for (const [status, n] of Object.entries(body.notifications))
      expect([status, everything.filter((row) => row.status === status).length]).toEqual([status, n as number])
    expect(emailOf(body).states.dead).toBe((await byOperator('GET', 'dead?limit=100')).body.items.length)
  })

  test('go back a week at the most', async () => {
    const from = new Date(world.clock() - 8 * DAY).toISOString()
    expectProblem(await byOperator('GET', `metrics?from=${from}`), 422, 'period_too_long')
  })

  test('grow by what happens, and by nothing else', async () => {
    const before = emailOf(await metrics())
    server.answerWith({ at: 'message', code: 554 })
    await send({ to: bruno.id, channels: ['email'] })
    server.answerWith({ at: 'recipient', once: 451 })
    await send({ to: bruno.id, channels: ['email'] })
    await world.wait(MINUTE)
    const after = emailOf(await metrics())
    const grown = (state: string) => (after.states[state] ?? 0) - (before.states[state] ?? 0)
    expect(after.deliveries - before.deliveries).toBe(2)
    expect(after.retried - before.retried).toBe(1)
    expect([grown('dead'), grown('accepted'), grown('waiting')]).toEqual([1, 1, 0])
  })

  test('are of the last 24 hours unless it is said from when', async () => {
    await world.wait(25 * HOUR)
    expect(emailOf(await metrics()).deliveries).toBe(0)
    await send({ to: bruno.id, channels: ['email'] })
    const { channels, from } = await metrics()
    expect(from).toBe(new Date(world.clock() - 24 * HOUR).toISOString())
    expect(channels[0]).toMatchObject({
      channel: 'email',
      state: 'on',
      deliveries: 1,
      providers: [{ provider: 'smtp', breaker: 'closed', underWay: 0 }],
    })
    for (const seconds of Object.values<number>(channels[0].secondsToAccept)) expect(seconds).toBeWithin(0, 1)
  })

  /** Mails that Prometheus hears of as having waited for longer than half an hour. */
  async function overHalfAnHour(): Promise<number> {
    const { values } = await world.runtime.metrics.messageWait.get()
    const within = (bound: number | string) =>
      values.find(({ labels }) => (labels as { le?: unknown }).le === bound && labels.channel === 'email')?.value ?? 0
    return within('+Inf') - within(1_800)
  }

  test('measure from when a message could go: a night that was kept quiet is no delay', async () => {
    const person = await world.person('customer')
    const at = new Date(world.clock())
    const clockTime = (hours: number) => new Date(at.getTime() + hours * HOUR).toISOString().slice(11, 16)
    const quietHours = { from: clockTime(-1), to: clockTime(8) }
    await as(world, person, 'PUT', 'preferences', { body: { quietHours, digests: { money: 'daily' } } })
    await world.app.settle()
    await world.wait(1)
    const before = await overHalfAnHour()
    const from = new Date(world.clock()).toISOString()
    const id = await send({ to: person.id, channels: ['email'] })
    expect((await messageOf(id)).deliveries).toMatchObject([{ state: 'waiting', reason: 'quiet hours' }])
    await world.wait(8 * HOUR)
    expect((await messageOf(id)).deliveries).toMatchObject([{ state: 'accepted' }])
    const { channels } = await metrics(`?from=${from}`)
    expect(channels[0]).toMatchObject({ deliveries: 1, secondsToAccept: { p95: 0.1 } })
    expect(await overHalfAnHour()).toBe(before)
  })

  test('stand beside which channels are set up', async () => {
    const { body } = await byOperator('GET', 'channels')
    const stateOf = (name: string) => body.items.find(({ channel }: { channel: string }) => channel === name)?.state
    expect(['email', 'sms', 'whatsapp', 'push', 'webhook'].map(stateOf)).toEqual(['on', 'on', 'on', 'off', 'on'])
    expectProblem(await as(world, await world.person('auditor'), 'GET', 'channels'), 403, 'insufficient_scope')
    expect((await as(world, await world.person('auditor'), 'GET', 'metrics')).status).toBe(200)
  })
})
