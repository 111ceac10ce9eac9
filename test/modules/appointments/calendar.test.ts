/** Calendars: the invitation that goes with a mail, and what a calendar program finds at a secret address. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { eq, like, sql } from 'drizzle-orm'
import { appointments } from '../../../src/modules/appointments/schema'
import { SYSTEM } from '../../../src/modules/identity'
import { expectProblem } from '../../acceptance/answers'
import { createWorld, type Person, type World } from '../../support/world'
import { allowed, DAY_MS, placeOf, unnoted } from './place'

let world: World
let place: ReturnType<typeof placeOf>
let amina: Person
let agent: Person
let serviceId: string
let staffId: string

beforeAll(async () => {
  world = await createWorld({ 'public-url': 'https://money.example', 'mail-from': 'Kumbu <desk@money.example>' })
  place = placeOf(world)
  amina = await world.person('customer', 'Amina "Mina"; DROP\\, Macuácua')
  agent = await world.person('agent')
  serviceId = await place.service({ name: 'Advice, long; and deep', place: 'Rua 1, Maputo', cancelMinutes: 0 })
  staffId = await place.member([serviceId], { userId: agent.id })
})
afterAll(() => world.end())

/** The lines of a calendar, folded ones joined again (RFC 5545, section 3.1). */
const linesOf = (text: string) => text.replaceAll(/\r\n[ \t]/g, '').split('\r\n')
const property = (text: string, name: string) =>
  linesOf(text)
    .find((line) => line.startsWith(`${name}:`) || line.startsWith(`${name};`))
    ?.slice(name.length)

describe('an invitation', () => {
  test('names the appointment, counts its versions, and is in UTC', async () => {
    const { id } = await place.booked(amina, serviceId, '2026-11-26T09:00')
    const text = (await world.app.appointments.invitation(id, 'REQUEST')) as string
    expect(linesOf(text)[0]).toBe('BEGIN:VCALENDAR')
    expect(property(text, 'METHOD')).toBe(':REQUEST')
    expect(property(text, 'UID')).toBe(`:${id}@kumbu`)
    expect(property(text, 'SEQUENCE')).toBe(':1')
    expect(property(text, 'DTSTART')).toBe(':20261126T070000Z')
    expect(property(text, 'DTEND')).toBe(':20261126T073000Z')
    expect(property(text, 'STATUS')).toBe(':CONFIRMED')
    expect(property(text, 'SUMMARY')).toBe(':Advice\\, long\\; and deep')
    expect(property(text, 'LOCATION')).toBe(':Rua 1\\, Maputo')
    expect(property(text, 'ORGANIZER')).toBe(';CN="Kumbu":mailto:desk@money.example')
    expect(property(text, 'ATTENDEE')).toEndWith(amina.email)
    expect(property(text, 'ATTENDEE')).not.toContain('""')
    expect(text).not.toContain('BEGIN:VTIMEZONE')

    allowed(await place.move(amina, id, '2026-11-27T09:00'))
    const moved = (await world.app.appointments.invitation(id, 'REQUEST')) as string
    expect([property(moved, 'SEQUENCE'), property(moved, 'UID')]).toEqual([':2', `:${id}@kumbu`])

    allowed(await place.cancel(amina, id))
    const cancelled = (await world.app.appointments.invitation(id, 'CANCEL')) as string
    expect([property(cancelled, 'METHOD'), property(cancelled, 'STATUS'), property(cancelled, 'SEQUENCE')]).toEqual([
      ':CANCEL',
      ':CANCELLED',
      ':3',
    ])
  })

  test('of nothing is nothing', async () => {
    expect(await world.app.appointments.invitation('apt_00000000000000000000', 'REQUEST')).toBeUndefined()
  })

  test('can be fetched by its customer', async () => {
    const { id } = await place.booked(amina, serviceId, '2026-11-26T11:00')
    const path = `/api/v1/appointments/${id}/invitation`
    const answer = await world.call('GET', path, { token: amina.token })
    expect(answer.headers.get('content-type')).toStartWith('text/calendar')
    expect(answer.body).toContain(`UID:${id}@kumbu`)
    const other = await world.person('customer')
    expectProblem(await world.call('GET', path, { token: other.token }), 404, 'appointment_not_found')
    allowed(await place.cancel(amina, id))
    expect((await world.call('GET', path, { token: amina.token })).body).toContain('METHOD:CANCEL')
  })

  test('of what took place, or was missed, strikes nothing out of the calendar', async () => {
    const now = world.clock()
    const [came, missed] = [
      await place.booked(amina, serviceId, '2026-11-26T09:00'),
      await place.booked(amina, serviceId, '2026-11-26T10:00'),
    ]
    world.clock.advance(Date.parse(missed.endsAt) - now)
    allowed(await place.complete(came.id))
    allowed(await place.miss(missed.id))
    const token = await world.signIn(amina.email)
    for (const { id } of [came, missed]) {
      const { body } = await world.call('GET', `/api/v1/appointments/${id}/invitation`, { token })
      expect([property(body, 'METHOD'), property(body, 'STATUS')]).toEqual([':REQUEST', ':CONFIRMED'])
    }
    world.clock.advance(now - world.clock())
  })
})

describe('a calendar at a secret address', () => {
  const make = (who: Person, path = '/feed') =>
    world.call('POST', `/api/v1/appointments${path}`, { token: who.token, body: {} })
  const look = (url: string) => world.call('GET', new URL(url).pathname)

  test('shows a person’s appointments to whoever has the address, and to nobody else', async () => {
    const { id } = await place.booked(amina, serviceId, '2026-11-26T13:00')
    const { body, status } = await make(amina)
    expect(status).toBe(201)
    expect(body.url).toMatch(/^https:\/\/money\.example\/api\/v1\/appointments\/feeds\/[A-Za-z0-9_-]{43}$/)
    const answer = await look(body.url)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toStartWith('text/calendar')
    expect(answer.body).toContain(`UID:${id}@kumbu`)
    expectProblem(await look(body.url.replace(/.{4}$/, 'AAAA')), 404, 'feed_not_found')
    expectProblem(await look(body.url.slice(0, -1)), 422, 'validation_failed')
  })

  test('is kept as a hash only', async () => {
    const { body } = await make(amina)
    const token = body.url.split('/').at(-1)
    const { store } = world.runtime
    const rows = await store.rows<{ hash: string }>(store.read, sql`select token_hash as hash from appointment_feeds`)
    expect(rows).toHaveLength(1)
    expect(JSON.stringify(rows)).not.toContain(token)
  })

  test('ends when a new one is made, and when it is ended', async () => {
    const first = (await make(amina)).body.url
    const second = (await make(amina)).body.url
    expectProblem(await look(first), 404, 'feed_not_found')
    expect((await look(second)).status).toBe(200)
    expect((await world.call('DELETE', '/api/v1/appointments/feed', { token: amina.token })).status).toBe(204)
    expectProblem(await look(second), 404, 'feed_not_found')
  })

  test('of a person ends when they are frozen: it does not come back with them', async () => {
    const farida = await world.person('customer')
    const { url } = (await make(farida)).body
    allowed(await world.app.wallet.setFrozen(farida.id, true, SYSTEM))
    expectProblem(await look(url), 404, 'feed_not_found')
    allowed(await world.app.wallet.setFrozen(farida.id, false, SYSTEM))
    expectProblem(await look(url), 404, 'feed_not_found')
  })

  describe('of a member of staff', () => {
    let successor: Person
    let member: string
    let path: string
    beforeEach(async () => {
      successor = await world.person('agent')
      member = await place.member([serviceId], { userId: (await world.person('agent')).id })
      path = `/staff/${member}/feed`
    })
    const change = async (input: object) => allowed(await world.app.appointments.staff.change(member, input, unnoted))

    test('ends when another person takes the place, when they leave, and when they come back', async () => {
      const operator = await world.person('operator')
      for (const input of [{ userId: successor.id }, { active: false }, { active: true }, { userId: null }]) {
        const { url } = (await make(operator, path)).body
        await change(input)
        expectProblem(await look(url), 404, 'feed_not_found')
      }
    })

    test('stays when nothing changes but the name', async () => {
      const { url } = (await make(await world.person('operator'), path)).body
      await change({ name: 'Berta' })
      expect((await look(url)).status).toBe(200)
    })

    test('ends when whoever was given it may see it no longer', async () => {
      const support = await world.person('support')
      const { url } = (await make(support, path)).body
      expect((await look(url)).status).toBe(200)
      allowed(await world.app.wallet.setFrozen(support.id, true, SYSTEM))
      expectProblem(await look(url), 404, 'feed_not_found')

      const other = await world.person('support')
      const second = (await make(other, path)).body.url
      const user = await world.app.identity.known(other.id)
      allowed(await world.app.identity.closing.close(user, '192.0.2.1'))
      expectProblem(await look(second), 404, 'feed_not_found')
    })

    test('ends when they are frozen themselves', async () => {
      await change({ userId: successor.id })
      const { url } = (await make(await world.person('operator'), path)).body
      expect((await look(url)).status).toBe(200)
      allowed(await world.app.wallet.setFrozen(successor.id, true, SYSTEM))
      expectProblem(await look(url), 404, 'feed_not_found')
    })

    test('does not name whoever has closed their account', async () => {
      const guest = await world.person('customer', 'Zulmira Tembe')
      const past = await place.booked(guest, serviceId, '2026-11-26T14:00', { staffId: member })
      const { url } = (await make(await world.person('operator'), path)).body
      world.clock.advance(3 * DAY_MS)
      expect((await look(url)).body).toContain('Zulmira')
      const user = await world.app.identity.known(guest.id)
      allowed(await world.app.identity.closing.close(user, '192.0.2.1'))
      const { body } = await look(url)
      expect(body).toContain(past.id)
      expect(body).not.toContain('Zulmira')
      world.clock.advance(-3 * DAY_MS)
    })
  })

  test('of a member of staff shows whom they expect, and is theirs to make, or the operator’s', async () => {
    const path = `/staff/${staffId}/feed`
    const stranger = await world.person('agent')
    expectProblem(await make(stranger, path), 404, 'staff_not_found')
    const operator = await world.person('operator')
    expect((await make(operator, path)).status).toBe(201)
    const { url } = (await make(agent, path)).body
    const { body } = await look(url)
    expect(body).toContain('Amina')
    expect(body).not.toContain('Macu')
    const end = await world.call('DELETE', `/api/v1/appointments${path}`, { token: agent.token })
    expect(end.status).toBe(204)
    expectProblem(await look(url), 404, 'feed_not_found')
  })

  test('shows what lies ahead, however much is over', async () => {
    const { id } = await place.booked(amina, serviceId, '2026-11-26T12:00')
    const { store } = world.runtime
    const [row] = await store.read.select().from(appointments).where(eq(appointments.id, id))
    if (!row) throw new Error('Nothing is booked.')
    const over = (i: number) => ({ startsAt: row.startsAt - 7 * DAY_MS - i, endsAt: row.endsAt - 7 * DAY_MS - i })
    const past = Array.from({ length: 2_000 }, (_, i) => ({ ...row, ...over(i), id: `apt_past${i}`, status: 'missed' }))
    for (let i = 0; i < past.length; i += 500)
      await store.write(async (tx) => void (await tx.insert(appointments).values(past.slice(i, i + 500))))
    const { body } = await look((await make(amina)).body.url)
    const has = (each: string) => body.includes(`UID:${each}@kumbu`)
    expect([has(id), has('apt_past0'), has('apt_past1999')]).toEqual([true, true, false])
    await store.write(async (tx) => void (await tx.delete(appointments).where(like(appointments.id, 'apt_past%'))))
    allowed(await place.cancel(amina, id))
  })

  test('reaches back 30 days and ahead a year, and leaves out what was cancelled', async () => {
    const carla = await world.person('customer')
    const { url } = (await make(carla)).body
    const past = await place.booked(carla, serviceId, '2026-11-26T15:00')
    const gone = await place.booked(carla, serviceId, '2026-11-26T16:00')
    allowed(await place.cancel(carla, gone.id))
    world.clock.advance(31 * DAY_MS)
    const recent = await place.booked(carla, serviceId, '2026-12-28T15:00')
    const far = await place.booked(carla, serviceId, '2027-12-23T15:00')
    world.clock.advance(10 * DAY_MS)
    const { body } = await look(url)
    const has = (id: string) => body.includes(`UID:${id}@kumbu`)
    expect([has(past.id), has(gone.id), has(recent.id), has(far.id)]).toEqual([false, false, true, true])
  })
})
