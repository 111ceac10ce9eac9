/** Nothing is lost and nothing is sent twice, whoever sends beside whom, whoever dies, and whatever the clock does. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { createNotifications, type Notifications } from '../../../src/modules/notifications'
import type { Channel, OutgoingMessage, Sent } from '../../../src/modules/notifications/channels/channel'
import type { Notice } from '../../../src/modules/notifications/service/notice'
import { engine, openStore, StoreError } from '../../../src/platform/db'
import { events } from '../../../src/platform/events/schema'
import { noTraffic } from '../../../src/platform/queue/traffic'
import type { Runtime } from '../../../src/platform/runtime'
import { until } from '../../support/until'
import { createWorld, PASSWORD, type World } from '../../support/world'
import { deliveriesOf, noticeTo, provider } from './told-provider'

const SECOND = 1_000
const LEASE = 90 * SECOND
const DAY = 24 * 3_600_000

let world: World
let copies: Notifications[]
/** What is still held when a test ends, well or not. */
let gates: Array<(sent: Sent) => void>

beforeEach(async () => {
  world = await createWorld()
  copies = []
  gates = []
})
afterEach(async () => {
  for (const release of gates) release({ outcome: 'accepted' })
  for (const { dispatcher } of copies) await dispatcher.stop()
  await world.end()
})

function copyOf(channels: Channel[], runtime: Runtime = world.runtime): Notifications {
  const made = createNotifications(runtime, world.app, channels, {
    brand: 'Kumbu',
    language: 'en',
    timeZone: 'Africa/Maputo',
    baseUrl: () => 'https://kumbu.example',
    traffic: noTraffic,
    paces: {},
    hourlyCap: 10_000,
    callingCodes: [],
    keptMs: 90 * DAY,
  })
  copies.push(made)
  return made
}

async function put(copy: Notifications, notice: Notice) {
  const arranged = await copy.outbox.arrange(notice)
  return world.write((tx) => copy.outbox.put(tx, arranged))
}

async function putMany(copy: Notifications, count: number) {
  const arranged = await Promise.all(
    Array.from({ length: count }, (_, i) => copy.outbox.arrange(noticeTo(`p${i}@example.com`, `news-${i}`))),
  )
  await world.write(async (tx) => {
    for (const each of arranged) await copy.outbox.put(tx, each)
  })
}

/** Held until the test lets go. */
function held() {
  let release: (sent: Sent) => void = () => {}
  const promise = new Promise<Sent>((resolve) => {
    release = resolve
  })
  gates.push(release)
  return { promise, release }
}

const storeBeside = () => openStore(world.database.location, { strictUnits: true })

describe('two dispatchers over one database', () => {
  test('send each message once between them', async () => {
    const [one, other] = [provider('one'), provider('other')]
    const store = engine === 'postgres' ? storeBeside() : world.runtime.store
    const [first, second] = [copyOf([one.channel]), copyOf([other.channel], { ...world.runtime, store })]
    await putMany(first, 300)

    await Promise.all([first.dispatcher.drain(), second.dispatcher.drain(), first.dispatcher.drain()])
    // A message that found no place at a provider waits a second for one.
    for (let i = 0; i < 20; i += 1) {
      world.clock.advance(SECOND)
      await Promise.all([first.dispatcher.drain(), second.dispatcher.drain()])
    }

    const ids = [...one.asked, ...other.asked].map(({ deliveryId }) => deliveryId)
    expect(ids).toHaveLength(300)
    expect(new Set(ids).size).toBe(300)
    if (store !== world.runtime.store) await store.close()
  })
})

test('drained ten times at once, each message goes once', async () => {
  const mail = provider('smtp')
  const copy = copyOf([mail.channel])
  await putMany(copy, 300)
  await Promise.all(Array.from({ length: 10 }, () => copy.dispatcher.drain()))
  for (let i = 0; i < 20; i += 1) {
    world.clock.advance(SECOND)
    await Promise.all([copy.dispatcher.drain(), copy.dispatcher.drain()])
  }
  expect(mail.asked).toHaveLength(300)
  expect(new Set(mail.asked.map(({ deliveryId }) => deliveryId)).size).toBe(300)
})

describe('the same message put out twice', () => {
  test('at the same moment is one message', async () => {
    const mail = provider('smtp')
    const copy = copyOf([mail.channel])
    const made = await Promise.all(Array.from({ length: 8 }, () => put(copy, noticeTo('a@example.com', 'one-thing'))))
    await copy.dispatcher.drain()
    expect(new Set(made.map(({ id }) => id)).size).toBe(1)
    expect(made.filter(({ isNew }) => isNew)).toHaveLength(1)
    expect(mail.asked).toHaveLength(1)
  })

  test('to an address in other letters is the same; about another thing, or to another person, it is not', async () => {
    const mail = provider('smtp')
    const copy = copyOf([mail.channel])
    await put(copy, noticeTo('a@example.com', 'one-thing'))
    await put(copy, noticeTo('A@EXAMPLE.com', 'one-thing'))
    await put(copy, noticeTo('b@example.com', 'one-thing'))
    await put(copy, noticeTo('a@example.com', 'another'))
    await copy.dispatcher.drain()
    expect(mail.asked).toHaveLength(3)
  })
})

test('what is put out goes at once, and does not wait for the next look', async () => {
  const mail = provider('smtp')
  const copy = copyOf([mail.channel])
  copy.dispatcher.start()
  for (const about of ['one', 'two', 'three']) {
    const before = performance.now()
    await put(copy, noticeTo(`${about}@example.com`, about))
    await until(() => mail.asked.some(({ to }) => to === `${about}@example.com`))
    expect(performance.now() - before).toBeLessThan(500)
  }
})

describe('a process that dies between lease and record', () => {
  test('loses nothing: the message is sent again under the same id, and its list of tries says why', async () => {
    const mail = provider('smtp')
    const dead = copyOf([mail.channel])
    const { id } = await put(dead, noticeTo('a@example.com', 'news'))
    // It never hears the answer, and is thrown away.
    mail.answer = () => new Promise(() => {})
    // It goes on when its time to send is over, long after this world has ended.
    dead.dispatcher.drain().catch(() => undefined)
    await until(() => mail.asked.length === 1)
    copies = []

    const next = copyOf([mail.channel])
    mail.answer = async () => ({ outcome: 'accepted' })
    // On a file nobody else can be at it; a copy on PostgreSQL may still live until its lease has run out.
    if (engine === 'postgres') {
      await next.dispatcher.drain()
      expect(mail.asked).toHaveLength(1)
      world.clock.advance(LEASE)
      await next.dispatcher.drain()
    } else {
      next.dispatcher.start()
      await until(() => mail.asked.length === 2)
      await next.dispatcher.stop()
    }

    expect(new Set(mail.asked.map(({ deliveryId }) => deliveryId)).size).toBe(1)
    const [delivery] = await deliveriesOf(next, id)
    expect(delivery?.state).toBe('accepted')
    expect(delivery?.attempts.map(({ outcome }) => outcome)).toEqual(['interrupted', 'accepted'])
  })
})

describe('a process that lives and is slow', () => {
  /** Makes it look for what is due, as anything that is put out does. */
  async function lookAgain(copy: Notifications, mail: { asked: OutgoingMessage[] }, about: string) {
    await put(copy, noticeTo(`${about}@example.com`, about))
    await until(() => mail.asked.some(({ to }) => to === `${about}@example.com`))
  }
  const toFirst = ({ asked }: { asked: OutgoingMessage[] }) => asked.filter(({ to }) => to === 'a@example.com').length

  test('does not send beside itself what it has under way when the clock jumps by a day', async () => {
    const mail = provider('smtp')
    const copy = copyOf([mail.channel])
    const slow = held()
    mail.answer = ({ to }) => (to === 'a@example.com' ? slow.promise : Promise.resolve({ outcome: 'accepted' }))
    copy.dispatcher.start()
    const { id } = await put(copy, noticeTo('a@example.com', 'news'))
    await until(() => toFirst(mail) === 1)

    world.clock.advance(DAY)
    await lookAgain(copy, mail, 'later')
    slow.release({ outcome: 'accepted' })
    await copy.dispatcher.stop()

    expect((await deliveriesOf(copy, id))[0]?.state).toBe('accepted')
    expect(toFirst(mail)).toBe(1)
  })

  test('keeps its lease while it goes from one provider that stalls to the next', async () => {
    const relays = [provider('a'), provider('b'), provider('c')] as const
    const copy = copyOf(relays.map(({ channel }) => channel))
    const stalls = relays.map(() => held())
    relays.forEach((relay, i) => {
      relay.answer = ({ to }) =>
        to === 'a@example.com' ? (stalls[i]?.promise as Promise<Sent>) : Promise.resolve({ outcome: 'accepted' })
    })
    copy.dispatcher.start()
    await put(copy, noticeTo('a@example.com', 'news'))
    for (const i of [0, 1]) {
      await until(() => toFirst(relays[i as 0 | 1]) === 1)
      // Each ends within its own limit of a minute.
      world.clock.advance(50 * SECOND)
      stalls[i]?.release({ outcome: 'transient', reason: 'no answer in time' })
    }
    await until(() => toFirst(relays[2]) === 1)

    await lookAgain(copy, relays[0], 'later')
    stalls[2]?.release({ outcome: 'accepted' })
    await copy.dispatcher.stop()

    expect(relays.map(toFirst)).toEqual([1, 1, 1])
  })
})

describe('a database that refuses', () => {
  test('the note that a message was taken once: the message is not sent again, the note is made again', async () => {
    const sms = provider('sms', 'sms')
    let refusals = 0
    const { store } = world.runtime
    const shaky = {
      ...store,
      write: (unit: Parameters<typeof store.write>[0]) => {
        if (refusals === 0) return store.write(unit)
        refusals -= 1
        return Promise.reject(new StoreError('database_unavailable', 'The database cannot be reached.'))
      },
    } as typeof store
    const copy = copyOf([sms.channel], { ...world.runtime, store: shaky })
    const { id } = await put(copy, {
      ...noticeTo('+258841234567', 'news'),
      tracks: [[{ medium: 'sms' }]],
    })
    sms.answer = async () => {
      refusals = 1
      return { outcome: 'accepted', providerId: 'SM1' }
    }
    await copy.dispatcher.drain()
    sms.answer = async () => ({ outcome: 'accepted', providerId: 'SM2' })
    for (let i = 0; i < 4; i += 1) {
      world.clock.advance(LEASE)
      await copy.dispatcher.drain()
    }

    expect((await deliveriesOf(copy, id))[0]?.state).toBe('accepted')
    expect(sms.asked).toHaveLength(1)
  })
})

test('an event that is handled twice, by a copy whose lease ran out, is told once', async () => {
  const mail = provider('smtp')
  copyOf([mail.channel])
  const email = 'twice@example.com'
  await world.call('POST', '/api/v1/auth/register', { body: { name: 'Nia', email, password: PASSWORD } })
  const { store } = world.runtime
  const written = await store.read.select({ id: events.id, type: events.type }).from(events)
  await world.app.queue.drain()
  await world.write(async (tx) => {
    for (const { id } of written)
      for (const kind of ['event:codes', 'event:notifications'])
        await world.app.queue.put(tx, { kind, payload: { eventId: id } })
  })
  expect(await world.mailTo(email)).toHaveLength(1)
})

test('messages due before and after a clock that was set back by hours all go, each once', async () => {
  const mail = provider('smtp')
  const copy = copyOf([mail.channel])
  world.clock.advance(6 * 3_600 * SECOND)
  mail.answer = async () => ({ outcome: 'transient', reason: 'mailbox full', aboutMessage: true })
  await put(copy, noticeTo('failed@example.com', 'failed'))
  await copy.dispatcher.drain()
  await put(copy, noticeTo('waiting@example.com', 'waiting'))
  world.clock.advance(-6 * 3_600 * SECOND)
  mail.asked.length = 0
  mail.answer = async () => ({ outcome: 'accepted' })
  await put(copy, noticeTo('new@example.com', 'new'))
  await copy.dispatcher.drain()
  expect(mail.asked.map(({ to }) => to)).toEqual(['new@example.com'])
  world.clock.advance(7 * 3_600 * SECOND)
  await copy.dispatcher.drain()
  expect(mail.asked.map(({ to }) => to).sort()).toEqual([
    'failed@example.com',
    'new@example.com',
    'waiting@example.com',
  ])
})
