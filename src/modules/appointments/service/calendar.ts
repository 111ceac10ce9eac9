/**
 * Appointments as iCalendar (RFC 5545): an invitation that goes with a mail (RFC 5546), and a calendar to subscribe to.
 * Moments are written in UTC, so no description of a time zone has to be carried along. The library is loaded when the
 * first calendar is asked for: most processes start without needing it.
 */
import type { AppointmentRow } from './rows'
import type { Status } from './transitions'

export type Method = 'REQUEST' | 'CANCEL'

export interface CalendarEntry {
  row: Pick<AppointmentRow, 'id' | 'version' | 'startsAt' | 'endsAt' | 'status' | 'updatedAt'>
  summary: string
  place: string
  description: string
}

export interface Address {
  name: string
  email: string
}

const PRODUCT = { company: 'Kumbu', product: 'Appointments', language: 'EN' }

type Ical = typeof import('ical-generator')
let loaded: Promise<Ical> | undefined
const ical = (): Promise<Ical> => {
  loaded ??= import('ical-generator')
  return loaded
}

/** `Kumbu <no-reply@example.com>` in its two parts. */
export function addressOf(text: string): Address {
  const [, name = '', email = text] = /^\s*"?([^"<]*?)"?\s*<([^>]+)>\s*$/.exec(text) ?? []
  return { name: name === '' ? 'Kumbu' : name, email: email.trim() }
}

/** One appointment, for its customer’s calendar to take in or to strike out. */
export async function invitationText(
  entry: CalendarEntry,
  method: Method,
  { organizer, attendee }: { organizer: Address; attendee: Address | undefined },
): Promise<string> {
  const { ICalCalendar, ICalCalendarMethod } = await ical()
  const calendar = new ICalCalendar({ prodId: PRODUCT, method: ICalCalendarMethod[method] })
  const event = calendar.createEvent(await eventOf(entry, method === 'CANCEL' ? 'cancelled' : entry.row.status))
  event.organizer(organizer)
  // A quotation mark cannot stand in a parameter, however it is escaped (RFC 5545, section 3.1).
  if (attendee) event.createAttendee({ ...attendee, name: attendee.name.replaceAll('"', "'") })
  return calendar.toString()
}

export async function feedText(name: string, entries: readonly CalendarEntry[]): Promise<string> {
  const { ICalCalendar } = await ical()
  // Calendars that look by themselves come back in a quarter of an hour.
  const calendar = new ICalCalendar({ prodId: PRODUCT, name, ttl: 15 * 60 })
  for (const entry of entries) calendar.createEvent(await eventOf(entry, entry.row.status))
  return calendar.toString()
}

async function eventOf({ row, summary, place, description }: CalendarEntry, status: string) {
  const { ICalEventStatus } = await ical()
  return {
    id: `${row.id}@kumbu`,
    sequence: row.version,
    start: new Date(row.startsAt),
    end: new Date(row.endsAt),
    stamp: new Date(row.updatedAt),
    summary,
    location: place === '' ? null : place,
    description: description === '' ? null : description,
    status: ICalEventStatus[STATUS_WORDS[status as Status]],
  }
}

const STATUS_WORDS = {
  offered: 'TENTATIVE',
  booked: 'CONFIRMED',
  completed: 'CONFIRMED',
  missed: 'CONFIRMED',
  cancelled: 'CANCELLED',
  declined: 'CANCELLED',
  lapsed: 'CANCELLED',
} as const satisfies Record<Status, string>
