/** A place with something to book, and people who book it, for the tests of appointments. */
import { expect } from 'bun:test'
import { sql } from 'drizzle-orm'
import type { NewService } from '../../../src/modules/appointments/service/services'
import type { NewStaff } from '../../../src/modules/appointments/service/staff'
import type { Result } from '../../../src/platform/result'
import { type Person, PIN, type World } from '../../support/world'

export const HOUR_MS = 3_600_000
export const MINUTE_MS = 60_000
export const DAY_MS = 24 * HOUR_MS

/** The whole week from eight to six. */
export const EVERY_DAY = [1, 2, 3, 4, 5, 6, 7].map((weekday) => ({ weekday, fromMinute: 480, toMinute: 1080 }))
export const ALL_DAY = [1, 2, 3, 4, 5, 6, 7].map((weekday) => ({ weekday, fromMinute: 0, toMinute: 1440 }))

const OPERATOR = 'operator of the test'
/** The audit log is no part of these stories. */
export const unnoted = async () => {}

export type Wanted = Partial<NewService>

export function placeOf(world: World) {
  const { appointments } = world.app
  const write = <T, Code extends string>(unit: Parameters<typeof world.runtime.store.write<Result<T, Code>>>[0]) =>
    world.runtime.store.write(unit)

  async function service(input: Wanted = {}): Promise<string> {
    const made = await appointments.services.create(
      { name: 'Advice', durationMinutes: 30, timeZone: 'Africa/Maputo', maxDays: 366, ...input },
      unnoted,
    )
    return allowed(made).id
  }

  async function member(serviceIds: string[], input: Partial<NewStaff> = {}, week = EVERY_DAY): Promise<string> {
    const made = allowed(
      await appointments.staff.create({ name: 'Graça', timeZone: 'Africa/Maputo', serviceIds, ...input }, unnoted),
    )
    allowed(await appointments.staff.setHours(made.id, week, unnoted))
    return made.id
  }

  /** A service, and one member of staff who does it. */
  async function serviceWithStaff(
    input: Wanted = {},
    week = EVERY_DAY,
  ): Promise<{ serviceId: string; staffId: string }> {
    const serviceId = await service(input)
    return { serviceId, staffId: await member([serviceId], { timeZone: input.timeZone ?? 'Africa/Maputo' }, week) }
  }

  const book = (who: Pick<Person, 'id'>, serviceId: string, startsAt: string, more: { staffId?: string } = {}) =>
    appointments.booking.book({ userId: who.id, serviceId, startsAt, pin: PIN, ...more }, write)
  const customer = (who: Pick<Person, 'id'>) => ({ userId: who.id, role: 'customer', as: 'customer' as const })
  const desk = { userId: OPERATOR, role: 'operator', as: 'desk' as const }

  return {
    service,
    member,
    serviceWithStaff,
    write,
    book,
    customer,
    desk,
    booked: async (...given: Parameters<typeof book>) => allowed(await book(...given)),
    move: (who: Pick<Person, 'id'>, id: string, startsAt: string) =>
      appointments.changes.move(customer(who), id, { startsAt }, write),
    cancel: (who: Pick<Person, 'id'>, id: string) => appointments.changes.cancel(customer(who), id, undefined, write),
    cancelAtDesk: (id: string) => appointments.changes.cancel(desk, id, 'The room is flooded.', write),
    complete: (id: string) => appointments.changes.complete(desk, id, write),
    miss: (id: string) => appointments.changes.miss(desk, id, write),
    moveAtDesk: (id: string, startsAt: string) => appointments.changes.move(desk, id, { startsAt }, write),
    refund: (id: string) => appointments.changes.refund(desk, id, write),
    /** Somebody who runs appointments, as they ask. */
    asDesk: (who: Pick<Person, 'id'>, role: string) => ({ userId: who.id, role, as: 'desk' as const }),
    get: async (who: Pick<Person, 'id'>, id: string) => allowed(await appointments.lists.get(customer(who), id)),
    /** Everything of these types that was told, oldest first. */
    told: (...types: string[]) => toldBy(world, types),
  }
}

export function allowed<Value>(result: Result<Value, string>): Value {
  if (!result.ok) throw new Error(`It was refused: ${result.code}.`)
  return result.value
}

export function expectCode(result: Result<unknown, string>, code: string): void {
  expect(result.ok ? 'allowed' : result.code).toBe(code)
}

interface Told {
  type: string
  // biome-ignore lint/suspicious/noExplicitAny: each type of event carries members of its own.
  payload: any
}

async function toldBy({ runtime: { store } }: World, types: string[]): Promise<Told[]> {
  const rows = await store.rows<{ type: string; payload: string }>(
    store.read,
    sql`select type, payload from events where type like 'appointments.%' order by id`,
  )
  return rows
    .filter(({ type }) => types.includes(type))
    .map(({ type, payload }) => ({ type, payload: JSON.parse(payload) }))
}
