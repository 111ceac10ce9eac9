/** A person’s own inbox: what is in it, what was read, and how it is looked at live, over a real socket. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, spyOn, test } from 'bun:test'
import { sql } from 'drizzle-orm'
import { listen, type Server } from '../../src/platform/http/server'
import { createWorld, type Person, PIN, type World } from '../support/world'
import { expectProblem } from './answers'
import { ANNOUNCEMENT, allOf, as, DAY, HOUR, MINUTE, PATH } from './messages'
import { passingToken } from './walk'

const HEARTBEAT = 15_000

let world: World
let operator: Person
let payer: Person
let next = 0

beforeAll(async () => {
  world = await createWorld()
  operator = await world.person('operator')
  payer = await world.customer(1_000_000)
  await world.app.settle()
})
afterAll(() => world.end())

interface Item {
  id: string
  template: string
  title: string
  readAt: string | null
  createdAt: string
}

const inboxOf = (who: Pick<Person, 'id'>, query = '') => allOf<Item>(world, who, `inbox${query}`)
const unreadOf = async (who: Pick<Person, 'id'>) => (await as(world, who, 'GET', 'inbox/unread')).body.unread
const read = (who: Pick<Person, 'id'>, id: string) => as(world, who, 'POST', `inbox/${id}/read`, { body: {} })

/** A customer who has read everything so far. */
async function reader(): Promise<Person> {
  next += 1
  const person = await world.person('customer', `Reader ${next}`)
  await world.app.settle()
  await as(world, person, 'POST', 'inbox/read', { body: {} })
  world.clock.advance(1)
  return person
}

async function pay(to: Pick<Person, 'id'>, amount = 100): Promise<string> {
  const body = { to: to.id, amount, pin: PIN }
  const paid = await as(world, payer, 'POST', '/api/v1/wallet/me/transfer', { body })
  expect(paid.status).toBe(201)
  await world.app.settle()
  return paid.body.id
}

describe('an inbox', () => {
  test('tells what happened, in the person’s words, newest first', async () => {
    const person = await reader()
    const about = await pay(person, 1_500)
    world.clock.advance(MINUTE)
    await pay(person, 200)

    const { status, body } = await as(world, person, 'GET', 'inbox')

    expect(status).toBe(200)
    expect(body.items).toMatchObject([
      { template: 'money_received', title: 'You received USD 2.00' },
      { template: 'money_received', title: 'You received USD 15.00' },
      { template: 'welcome' },
    ])
    expect(body.items[1]).toEqual({
      id: expect.stringMatching(/^ntf_[0-9a-z]{20}$/),
      template: 'money_received',
      category: 'money',
      title: 'You received USD 15.00',
      text: expect.stringContaining('sent you USD 15.00'),
      about,
      readAt: null,
      createdAt: new Date(world.clock() - MINUTE).toISOString(),
    })
    await as(world, person, 'PUT', 'preferences', { body: { language: 'fr' } })
    expect((await inboxOf(person))[0]?.title).toBe('Vous avez reçu USD 2,00')
  })

  test('is whole page by page, and can be narrowed to what is unread', async () => {
    const person = await reader()
    for (let i = 0; i < 5; i++) await pay(person)
    const [first, second] = await inboxOf(person)
    expect((await inboxOf(person)).length).toBe(6)
    await read(person, first?.id as string)
    const unread = await inboxOf(person, '?unread=true')
    expect(unread.map(({ readAt }) => readAt)).toEqual([null, null, null, null])
    expect(unread[0]?.id).toBe(second?.id as string)
  })

  test('holds no message with a code or a link that lets in', async () => {
    const person = await reader()
    await world.call('POST', '/api/v1/auth/forgot-password', { body: { email: person.email } })
    const [mail] = await world.mailTo(person.email)
    expect(mail?.text).toContain('reset-password?token=')
    expect((await inboxOf(person)).map(({ template }) => template)).toEqual(['welcome'])
    expect(await unreadOf(person)).toBe(0)
  })

  test('has what goes to the inbox alone, and not what goes elsewhere alone', async () => {
    const person = await reader()
    const send = (channels: string[]) =>
      as(world, operator, 'POST', 'send', { body: { ...ANNOUNCEMENT, to: person.id, channels } })
    const [inside, outside] = [await send(['in_app']), await send(['email'])]
    await world.app.settle()
    const ids = (await inboxOf(person)).map(({ id }) => id)
    expect(ids).toContain(inside.body.id)
    expect(ids).not.toContain(outside.body.id)
    expect((await world.mailTo(person.email)).map(({ subject }) => subject)).toEqual([
      'Closed on Monday',
      'Welcome to Kumbu',
    ])
  })

  test('counts what is unread; one is marked as read once, all the rest at once', async () => {
    const person = await reader()
    for (let i = 0; i < 3; i++) await pay(person)
    expect(await unreadOf(person)).toBe(3)
    const [{ id = '' } = {}] = await inboxOf(person)

    const marked = await read(person, id)
    const readAt = new Date(world.clock()).toISOString()
    world.clock.advance(MINUTE)

    expect(marked.status).toBe(200)
    expect(marked.body).toMatchObject({ id, readAt })
    expect((await read(person, id)).body.readAt).toBe(readAt)
    expect(await unreadOf(person)).toBe(2)
    const all = () => as(world, person, 'POST', 'inbox/read', { body: {} })
    expect((await all()).body).toEqual({ read: 2 })
    expect((await all()).body).toEqual({ read: 0 })
    expect(await unreadOf(person)).toBe(0)
    expect((await inboxOf(person)).every((item) => item.readAt !== null)).toBe(true)
  })

  test('is one’s own: nobody reads or marks another’s', async () => {
    const [person, other] = [await reader(), await reader()]
    await pay(person)
    const [{ id = '' } = {}] = await inboxOf(person)
    expectProblem(await read(other, id), 404, 'notification_not_found')
    expect((await as(world, other, 'POST', 'inbox/read', { body: {} })).body).toEqual({ read: 0 })
    expect(await unreadOf(person)).toBe(1)
    expect((await inboxOf(other)).map((item) => item.id)).not.toContain(id)
  })
})

/** Announces to the person; two hours later unless something else is said. */
async function putOff(to: Pick<Person, 'id'>, ms = 2 * HOUR, channels?: string[]): Promise<string> {
  const sendAt = new Date(world.clock() + ms).toISOString()
  const { status, body } = await as(world, operator, 'POST', 'send', {
    body: { ...ANNOUNCEMENT, to: to.id, sendAt, ...(channels ? { channels } : {}) },
  })
  expect(status).toBe(202)
  return body.id
}

describe('what is put off', () => {
  test('comes into the inbox when it is due, in its place among the others', async () => {
    const person = await reader()
    const announced = await putOff(person)
    const secretly = await putOff(person, 3 * HOUR, ['in_app'])
    world.clock.advance(HOUR)
    await pay(person, 100)

    expect((await inboxOf(person)).map(({ template }) => template)).toEqual(['money_received', 'welcome'])
    expect(await unreadOf(person)).toBe(1)
    expectProblem(await read(person, announced), 404, 'notification_not_found')
    expect((await as(world, person, 'POST', 'inbox/read', { body: {} })).body).toEqual({ read: 1 })

    world.clock.advance(HOUR)
    const due = new Date(world.clock()).toISOString()
    expect(await unreadOf(person)).toBe(1)
    await pay(person, 200)
    world.clock.advance(HOUR)

    const items = await inboxOf(person)
    expect(items.map(({ id, template }) => (template === 'announcement' ? id : template))).toEqual([
      secretly,
      'money_received',
      announced,
      'money_received',
      'welcome',
    ])
    expect(items[2]).toMatchObject({ id: announced, readAt: null, createdAt: due })
    expect((await inboxOf(person, '?unread=true')).map(({ id }) => id)).toContain(announced)
    expect(await unreadOf(person)).toBe(3)
    expect((await read(person, announced)).status).toBe(200)
    expect((await as(world, person, 'POST', 'inbox/read', { body: {} })).body).toEqual({ read: 2 })
  })

  test('waits for its time also where the inbox is its only way', async () => {
    const person = await reader()
    const id = await putOff(person, 2 * DAY, ['in_app'])
    const status = async () => (await as(world, operator, 'GET', `messages/${id}`)).body.status
    expect(await status()).toBe('waiting')
    world.clock.advance(2 * DAY)
    expect(await status()).toBe('delivered')
  })

  test('to the inbox alone is not pruned before it came', async () => {
    const forgetful = await createWorld({ 'messages-kept-days': '1' })
    try {
      const [by, to] = [await forgetful.person('operator'), await forgetful.person('customer')]
      const sendAt = new Date(forgetful.clock() + 3 * DAY).toISOString()
      const body = { ...ANNOUNCEMENT, to: to.id, sendAt, channels: ['in_app'] }
      const sent = await as(forgetful, by, 'POST', 'send', { body })
      forgetful.clock.advance(3 * DAY)
      await forgetful.app.notifications.keeping.prune()
      expect((await allOf(forgetful, to, 'inbox')).map(({ id }) => id)).toContain(sent.body.id)
    } finally {
      await forgetful.end()
    }
  })
})

describe('what is called off', () => {
  const cancel = (id: string) => as(world, operator, 'POST', `messages/${id}/cancel`, { body: {} })

  test('goes out by no way and comes into no inbox; who did it is noted', async () => {
    const person = await reader()
    const [id, inside] = [await putOff(person), await putOff(person, 3 * HOUR, ['in_app'])]

    const { status, body } = await cancel(id)
    expect(status).toBe(200)
    expect(body).toMatchObject({ id, status: 'cancelled' })
    expect((await cancel(inside)).body.status).toBe('cancelled')
    world.clock.advance(4 * HOUR)

    expect((await world.mailTo(person.email)).map(({ subject }) => subject)).toEqual(['Welcome to Kumbu'])
    expect((await inboxOf(person)).map(({ template }) => template)).toEqual(['welcome'])
    expect(await unreadOf(person)).toBe(0)
    const { deliveries } = (await as(world, operator, 'GET', `messages/${id}`)).body
    expect(deliveries).toMatchObject([{ channel: 'email', state: 'cancelled', reason: 'called off' }])
    const noted = await as(world, operator, 'GET', `/api/v1/audit?subject=${id}`)
    expect(noted.body.items.map(({ action }: { action: string }) => action)).toEqual(['message.cancel', 'message.send'])
  })

  test('is refused once nothing of it waits any more, and where Kumbu itself says it', async () => {
    const person = await reader()
    const id = await putOff(person)
    world.clock.advance(2 * HOUR)
    await world.app.settle()
    expectProblem(await cancel(id), 409, 'nothing_waits')
    expect((await inboxOf(person)).map((item) => item.id)).toContain(id)
    const [called] = [await putOff(person)]
    await cancel(called)
    expectProblem(await cancel(called), 409, 'nothing_waits')
    const [welcome] = (await inboxOf(person)).filter(({ template }) => template === 'welcome')
    expectProblem(await cancel(welcome?.id as string), 403, 'template_protected')
    expectProblem(await cancel('ntf_00000000000000000000'), 404, 'notification_not_found')
  })
})

interface Told {
  id: string | undefined
  /** `alive` for a mere sign of life. */
  event: string
  // biome-ignore lint/suspicious/noExplicitAny: each sort of event says other things; the test says what it expects.
  data: any
}

describe('an inbox that is looked at live', () => {
  let server: Server
  const open = new Set<AbortController>()
  /** What the stream that was opened last does every fifteen seconds. */
  let beat: () => void
  let heart: ReturnType<typeof spyOn<typeof globalThis, 'setInterval'>>

  beforeAll(() => {
    server = listen(world.app.pipeline, '127.0.0.1', 0)
  })
  beforeEach(() => {
    const { setInterval: every } = globalThis
    heart = spyOn(globalThis, 'setInterval').mockImplementation(((act: () => void, ms?: number) => {
      if (ms === HEARTBEAT) beat = act
      return every(act, ms)
    }) as typeof every)
  })
  afterEach(() => {
    heart.mockRestore()
    for (const each of open) each.abort()
    open.clear()
  })
  afterAll(() => server.stop(0))

  /** At once, instead of within a second. */
  const lookForNews = () => world.app.notifications.inbox.look()

  async function look(token: string, headers: Record<string, string> = {}, at = server) {
    const leaving = new AbortController()
    open.add(leaving)
    const response = await fetch(`http://127.0.0.1:${at.port}${PATH}/inbox/stream`, {
      headers: { authorization: `Bearer ${token}`, ...headers },
      signal: leaving.signal,
    })
    expect(response.status).toBe(200)
    return { response, leave: () => leaving.abort(), ...eventsOf(response) }
  }

  test('begins with how many are unread, as server-sent events that nobody keeps', async () => {
    const person = await reader()
    await pay(person)
    const { response, next: told } = await look(person.token)
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(await told()).toEqual({ id: undefined, event: 'unread', data: { unread: 1 } })
  })

  test('tells of money as soon as it has come, and of nothing that came before', async () => {
    const person = await reader()
    await pay(person)
    world.clock.advance(1)
    const { next: told } = await look(person.token)
    expect((await told())?.event).toBe('unread')

    const about = await pay(person, 1_500)

    const [item] = await inboxOf(person)
    expect(await told()).toMatchObject({
      id: item?.id,
      event: 'notification',
      data: { id: item?.id, template: 'money_received', title: 'You received USD 15.00', about, unread: 2 },
    })
  })

  test('tells everybody who looks on, each of their own only', async () => {
    const [person, other] = [await reader(), await reader()]
    const watching = [await look(person.token), await look(person.token), await look(other.token)]
    for (const { next: told } of watching) expect((await told())?.data).toEqual({ unread: 0 })
    await pay(person)
    await pay(other, 777)
    await lookForNews()
    const [first, second, third] = await Promise.all(watching.map(({ next: told }) => told()))
    expect(first?.data.title).toBe('You received USD 1.00')
    expect(second?.id).toBe(first?.id as string)
    expect(third?.data.title).toBe('You received USD 7.77')
  })

  test('brings what was missed after the last event that was seen, oldest first', async () => {
    const person = await reader()
    for (const amount of [100, 200, 300]) await pay(person, amount)
    const [third, second, first] = await inboxOf(person)
    world.clock.advance(1)

    const { next: told } = await look(person.token, { 'last-event-id': first?.id as string })

    expect((await told())?.data).toEqual({ unread: 3 })
    expect([(await told())?.id, (await told())?.id]).toEqual([second?.id as string, third?.id as string])
    await pay(person, 400)
    await lookForNews()
    expect((await told())?.data.title).toBe('You received USD 4.00')
  })

  test('tells of what was put off when it is due, also to whoever saw a later one last', async () => {
    const person = await reader()
    const { next: told } = await look(person.token)
    expect((await told())?.event).toBe('unread')
    const announced = await putOff(person, 2 * MINUTE)
    await pay(person, 100)
    await lookForNews()
    expect((await told())?.data.template).toBe('money_received')
    const [payment] = await inboxOf(person)

    world.clock.advance(2 * MINUTE)
    await lookForNews()

    expect(await told()).toMatchObject({ id: announced, data: { template: 'announcement', unread: 2 } })
    const again = await look(await passingToken(world, person), { 'last-event-id': payment?.id as string })
    expect((await again.next())?.event).toBe('unread')
    expect((await again.next())?.id).toBe(announced)
  })

  test('takes a last event that is none of ours for none', async () => {
    const person = await reader()
    await pay(person)
    world.clock.advance(1)
    for (const id of ['0', 'ntf_x', "' or 1=1 --"]) {
      const { next: told } = await look(person.token, { 'last-event-id': id })
      expect((await told())?.event).toBe('unread')
      await pay(person, 900)
      await lookForNews()
      expect((await told())?.data.title).toBe('You received USD 9.00')
      world.clock.advance(1)
    }
  })

  test('is closed to whoever has no token, or one that does not allow it', async () => {
    const atm = await world.person('atm')
    expectProblem(await world.call('GET', `${PATH}/inbox/stream`), 401, 'unauthenticated')
    expectProblem(await as(world, atm, 'GET', 'inbox/stream'), 403, 'insufficient_scope')
  })

  test('ends when its session is ended', async () => {
    const person = await reader()
    const { next: told } = await look(await passingToken(world, person))
    expect((await told())?.event).toBe('unread')
    beat()
    expect((await told())?.event).toBe('alive')
    await world.write((tx) => world.app.identity.sessions.revokeAll(tx, person.id, 'test'))
    beat()
    expect(await told()).toBeUndefined()
  })

  test('ends when its session is over by itself', async () => {
    const person = await reader()
    const { next: told } = await look(await passingToken(world, person))
    expect((await told())?.event).toBe('unread')
    world.clock.advance(8 * DAY)
    beat()
    expect(await told()).toBeUndefined()
  })

  test('ends when nobody can say whether its session goes on', async () => {
    const { next: told } = await look((await reader()).token)
    expect((await told())?.event).toBe('unread')
    const away = spyOn(world.app.identity.sessions, 'mayGoOn').mockRejectedValue(new Error('the database is away'))
    beat()
    expect(await told()).toBeUndefined()
    away.mockRestore()
  })

  test('ends when the instance stops', async () => {
    const other = await createWorld()
    const its = listen(other.app.pipeline, '127.0.0.1', 0)
    const person = await other.person('customer')
    const { next: told } = await look(person.token, {}, its)
    expect((await told())?.event).toBe('unread')
    await other.app.stop()
    expect(await told()).toBeUndefined()
    await its.stop(0)
    await other.end()
  })

  test('holds up no instance that closes its socket', async () => {
    const its = listen(world.app.pipeline, '127.0.0.1', 0)
    const { next: told } = await look((await reader()).token, {}, its)
    expect((await told())?.event).toBe('unread')
    await its.stop(0)
    expect(await told().catch(() => undefined)).toBeUndefined()
  })
})

// Last in the file: on SQLite the plan’s statement stays open.
test('an inbox is read from its index, whole or unread only', async () => {
  const { store } = world.runtime
  const isPostgres = store.engine === 'postgres'
  const planOf = async (which: string) => {
    const query = `select * from notifications where user_id = 'u' and ${which} and due_at <= 5 order by due_at desc, id desc limit 51`
    if (!isPostgres) return JSON.stringify(await store.rows(store.read, sql.raw(`explain query plan ${query}`)))
    return store.write(async (tx) => {
      // It would rather read all of a table this small.
      await store.rows(tx, sql.raw('set local enable_seqscan = off'))
      await store.rows(tx, sql.raw('set local enable_bitmapscan = off'))
      return JSON.stringify(await store.rows(tx, sql.raw(`explain ${query}`)))
    })
  }
  const [whole, unread] = [await planOf('in_app'), await planOf('in_app and read_at is null')]
  for (const [plan, index] of [
    [whole, 'notifications_inbox'],
    [unread, 'notifications_unread'],
  ] as const) {
    expect(plan).toContain(isPostgres ? `using ${index} on` : `${index} (user_id=? AND due_at<?)`)
    if (isPostgres) expect(plan).toMatch(/Index Cond: \(\(user_id = 'u'::text\) AND \(due_at <= /)
    expect(plan).not.toMatch(/TEMP B-TREE|Sort/)
  }
})

/** The events of a stream one after the other; nothing at its end. */
function eventsOf(response: Response): { next(): Promise<Told | undefined> } {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  const decoder = new TextDecoder()
  let text = ''

  async function block(): Promise<string | undefined> {
    while (!text.includes('\n\n')) {
      const { value, done } = await reader.read()
      if (done) return undefined
      text += decoder.decode(value, { stream: true })
    }
    const end = text.indexOf('\n\n')
    const whole = text.slice(0, end)
    text = text.slice(end + 2)
    return whole
  }

  return {
    async next() {
      const whole = await block()
      if (whole === undefined) return undefined
      if (whole.startsWith(':')) return { id: undefined, event: 'alive', data: undefined }
      const member = (name: string) =>
        whole
          .split('\n')
          .find((line) => line.startsWith(`${name}: `))
          ?.slice(name.length + 2)
      return { id: member('id'), event: member('event') ?? '', data: JSON.parse(member('data') ?? 'null') }
    },
  }
}
