/** The free places of a service between two dates: what a calendar to choose from shows. */
import { iso } from '../../../platform/moment'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import type { AppointmentCode } from '../failures'
import { startsIn } from './openings'
import { type Diary, type Placing, placesLeft, whyNotThen } from './placing'
import type { ServiceRow, ServiceRows } from './service-rows'
import type { StaffBook } from './staff'
import { localText, MINUTE_MS, overlaps, type Span, spanOfDates } from './time'

export interface Slot {
  startsAt: string
  endsAt: string
  /** The start on the clock where the service is, with its offset. */
  local: string
  /** How many people can still book it. */
  places: number
  staffIds: string[]
}

export interface FreeSlots {
  timeZone: string
  items: Slot[]
}

export interface SlotsQuery {
  serviceId: string
  staffId?: string | undefined
  /** Dates where the service is, both included. */
  from: string
  to: string
}

type SlotsCode = Extract<
  AppointmentCode,
  'service_not_found' | 'service_inactive' | 'staff_not_found' | 'staff_not_for_service' | 'span_invalid'
>

export interface Slots {
  free(query: SlotsQuery): Promise<Result<FreeSlots, SlotsCode>>
}

const DAYS_LIMIT = 31

export function createSlots(
  { store, clock }: Runtime,
  { services, staff, placing }: { services: ServiceRows; staff: StaffBook; placing: Placing },
): Slots {
  return {
    async free({ serviceId, staffId, from, to }) {
      const service = await services.find(store.read, serviceId)
      if (!service) return fail('service_not_found')
      if (!service.active) return fail('service_inactive')
      const asked = spanOfDates(from, to, service.timeZone, DAYS_LIMIT)
      if (!asked.ok) return asked
      const members = await staff.whoDo(store.read, serviceId, { staffId })
      if (staffId !== undefined && members.length === 0) {
        const member = await staff.find(store.read, staffId)
        return fail(member?.active ? 'staff_not_for_service' : 'staff_not_found')
      }
      const span = reachOf(service, asked.value)
      // What begins after the last slot may still stand in its way.
      const withEnd = { ...span, to: span.to + (service.durationMinutes + service.bufferMinutes) * MINUTE_MS }
      const diaries = span.from < span.to ? await placing.diaries(store.read, members, withEnd) : []
      const slots = new Map<number, Pick<Slot, 'places' | 'staffIds'>>()
      for (const diary of diaries) gather(slots, diary, service, span, clock())
      const items = [...slots].sort(([a], [b]) => a - b).map(([start, found]) => slotOf(service, start, found))
      return ok({ timeZone: service.timeZone, items })
    },
  }

  /** What is over or beyond the last bookable day is not looked at. */
  function reachOf({ maxDays }: ServiceRow, { from, to }: Span): Span {
    const now = clock()
    return { from: Math.max(from, now), to: Math.min(to, now + (maxDays + 1) * 24 * 60 * MINUTE_MS) }
  }
}

function gather(
  slots: Map<number, Pick<Slot, 'places' | 'staffIds'>>,
  diary: Diary,
  service: ServiceRow,
  span: Span,
  now: number,
): void {
  for (const { start, places } of freeStarts(diary, service, span, now)) {
    const slot = slots.get(start) ?? { places: 0, staffIds: [] }
    slots.set(start, { places: slot.places + places, staffIds: [...slot.staffIds, diary.staff.id] })
  }
}

/** When somebody can begin within the span, in order, and how many can; the diary reaches to the end of the last. */
export function freeStarts(
  { openings, closed, busy }: Diary,
  service: ServiceRow,
  span: Span,
  now: number,
): Array<{ start: number; places: number }> {
  const lengthMs = service.durationMinutes * MINUTE_MS
  const bufferMs = service.bufferMinutes * MINUTE_MS
  const isClosed = sweep(closed)
  const free: Array<{ start: number; places: number }> = []
  let first = 0
  for (const opening of openings) {
    for (const start of startsIn(opening, service.slotStepMinutes, lengthMs)) {
      if (start < span.from || start >= span.to || whyNotThen(service, start, now)) continue
      if (isClosed({ from: start, to: start + lengthMs })) continue
      // Starts only rise, so what is over stays over.
      while ((busy[first]?.busyUntil ?? Number.POSITIVE_INFINITY) <= start) first += 1
      const near = busyNear(busy, first, start + lengthMs + bufferMs)
      const places = placesLeft(near, service, start)
      if (places > 0) free.push({ start, places })
    }
  }
  return free
}

/** Whether one of the spans, which are in order and apart, overlaps what is asked; to be asked about rising spans only. */
function sweep(spans: readonly Span[]): (asked: Span) => boolean {
  let next = 0
  return (asked) => {
    while ((spans[next]?.to ?? Number.POSITIVE_INFINITY) <= asked.from) next += 1
    const span = spans[next]
    return span !== undefined && overlaps(span, asked)
  }
}

/** From the first that may still be going on, up to the last that begins in time. */
function busyNear<Row extends { startsAt: number }>(busy: readonly Row[], first: number, until: number): Row[] {
  let end = first
  while ((busy[end]?.startsAt ?? Number.POSITIVE_INFINITY) < until) end += 1
  return busy.slice(first, end)
}

function slotOf(service: ServiceRow, start: number, { places, staffIds }: Pick<Slot, 'places' | 'staffIds'>): Slot {
  return {
    startsAt: iso(start),
    endsAt: iso(start + service.durationMinutes * MINUTE_MS),
    local: localText(start, service.timeZone),
    places,
    staffIds,
  }
}
