/** Nothing is lost and nothing is sent twice, whoever sends beside whom, whoever dies, and whatever the clock does. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import type { Notifications } from '../../../src/modules/notifications'
import type { OutgoingMessage, Sent } from '../../../src/modules/notifications/channels/channel'
import { engine, openStore, StoreError } from '../../../src/platform/db'
import { events } from '../../../src/platform/events/schema'
import { until } from '../../support/until'
import { PASSWORD, type World } from '../../support/world'
import { createDeliveryWorld, type DeliveryWorld, deliveriesOf, noticeTo, provider } from './delivery-world'

const SECOND = 1_000
const LEASE = 90 * SECOND
const DAY = 24 * 3_600_000

let place: DeliveryWorld
let world: World

beforeEach(async () => {
  place = await createDeliveryWorld()
  world = place.world
})
afterEach(() => place.end())

const storeBeside = () => openStore(world.database.location, { strictUnits: true })

describe('two dispatchers over one database', () => {
  test('send each message once between them', async () => {
    const [one, other] = [provider('one'), provider('other')]
    const store = engine === 'postgres' ? storeBeside() : world.runtime.store
    const [first, second] = [
      place.copyOf([one.channel]),
      place.copyOf([other.channel], { runtime: { ...world.runtime, store } }),
    ]
    await place.putMany(first, 300)

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
  const copy = place.copyOf([mail.channel])
  await place.putMany(copy, 300)
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
    const copy = place.copyOf([mail.channel])
    const made = await Promise.all(
      Array.from({ length: 8 }, () => place.put(copy, noticeTo('a@example.com', 'one-thing'))),
    )
    await copy.dispatcher.drain()
    expect(new Set(made.map(({ id }) => id)).size).toBe(1)
    expect(made.filter(({ isNew }) => isNew)).toHaveLength(1)
    expect(mail.asked).toHaveLength(1)
  })

  test('to an address in other letters is the same; about another thing, or to another person, it is not', async () => {
    const mail = provider('smtp')
    const copy = place.copyOf([mail.channel])
    await place.put(copy, noticeTo('a@example.com', 'one-thing'))
    await place.put(copy, noticeTo('A@EXAMPLE.com', 'one-thing'))
    await place.put(copy, noticeTo('b@example.com', 'one-thing'))
    await place.put(copy, noticeTo('a@example.com', 'another'))
    await copy.dispatcher.drain()
    expect(mail.asked).toHaveLength(3)
  })
})

test('what is put out goes at once, and does not wait for the next look', async () => {
  const mail = provider('smtp')
  const copy = place.copyOf([mail.channel])
  copy.dispatcher.start()
  for (const about of ['one', 'two', 'three']) {
    const before = performance.now()
    await place.put(copy, noticeTo(`${about}@example.com`, about))
    await until(() => mail.asked.some(({ to }) => to === `${about}@example.com`))
    expect(performance.now() - before).toBeLessThan(500)
  }
})

describe('a process that dies between lease and record', () => {
  test('loses nothing: the message is sent again under the same id, and its list of tries says why', async () => {
    const mail = provider('smtp')
    const dead = place.copyOf([mail.channel])
    const { id } = await place.put(dead, noticeTo('a@example.com', 'news'))
    // It never hears the answer, and is thrown away.
    mail.answer = () => new Promise(() => {})
    // It goes on when its time to send is over, long after this world has ended.
    dead.dispatcher.drain().catch(() => undefined)
    await until(() => mail.asked.length === 1)
    place.forget(dead)

    const next = place.copyOf([mail.channel])
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
    await place.put(copy, noticeTo(`${about}@example.com`, about))
    await until(() => mail.asked.some(({ to }) => to === `${about}@example.com`))
  }
  const toFirst = ({ asked }: { asked: OutgoingMessage[] }) => asked.filter(({ to }) => to === 'a@example.com').length

  test('does not send beside itself what it has under way when the clock jumps by a day', async () => {
    const mail = provider('smtp')
    const copy = place.copyOf([mail.channel])
    const slow = place.held()
    mail.answer = ({ to }) => (to === 'a@example.com' ? slow.promise : Promise.resolve({ outcome: 'accepted' }))
    copy.dispatcher.start()
    const { id } = await place.put(copy, noticeTo('a@example.com', 'news'))
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
    const copy = place.copyOf(relays.map(({ channel }) => channel))
    const stalls = relays.map(() => place.held())
    relays.forEach((relay, i) => {
      relay.answer = ({ to }) =>
        to === 'a@example.com' ? (stalls[i]?.promise as Promise<Sent>) : Promise.resolve({ outcome: 'accepted' })
    })
    copy.dispatcher.start()
    await place.put(copy, noticeTo('a@example.com', 'news'))
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
    const copy = place.copyOf([sms.channel], { runtime: { ...world.runtime, store: shaky } })
    const { id } = await place.put(copy, {
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
  place.copyOf([mail.channel])
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
  const copy = place.copyOf([mail.channel])
  world.clock.advance(6 * 3_600 * SECOND)
  mail.answer = async () => ({ outcome: 'transient', reason: 'mailbox full', aboutMessage: true })
  await place.put(copy, noticeTo('failed@example.com', 'failed'))
  await copy.dispatcher.drain()
  await place.put(copy, noticeTo('waiting@example.com', 'waiting'))
  world.clock.advance(-6 * 3_600 * SECOND)
  mail.asked.length = 0
  mail.answer = async () => ({ outcome: 'accepted' })
  await place.put(copy, noticeTo('new@example.com', 'new'))
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
