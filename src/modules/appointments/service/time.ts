/**
 * Clocks at the wall and moments. Opening hours are kept as local time and appointments as moments; between them stand
 * time zones that skip an hour in spring and have one twice in autumn. Everything that turns one into the other is here.
 */
import { Temporal } from 'temporal-polyfill'
import { fail, ok, type Result } from '../../../platform/result'
import type { TimeCode } from '../failures'

export const MINUTE_MS = 60_000
export const DAY_MS = 24 * 60 * MINUTE_MS

/** From the first moment, up to the second. */
export interface Span {
  from: number
  to: number
}

export const overlaps = (a: Span, b: Span): boolean => a.from < b.to && b.from < a.to

const LOCAL = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$/

/** The moment that somebody asks for: with `Z` or an offset, or as the clock at the wall shows it. */
export function momentOf(text: string, timeZone: string): Result<number, TimeCode> {
  try {
    return LOCAL.test(text) ? momentAtWall(Temporal.PlainDateTime.from(text), timeZone) : absoluteMoment(text)
  } catch (error) {
    if (error instanceof RangeError) return fail('appointment_time_invalid')
    throw error
  }
}

function absoluteMoment(text: string): Result<number, TimeCode> {
  const { epochMilliseconds } = Temporal.Instant.from(text)
  return epochMilliseconds % MINUTE_MS === 0 ? ok(epochMilliseconds) : fail('appointment_time_invalid')
}

function momentAtWall(wall: Temporal.PlainDateTime, timeZone: string): Result<number, TimeCode> {
  try {
    return ok(wall.toZonedDateTime(timeZone, { disambiguation: 'reject' }).epochMilliseconds)
  } catch {
    // Rejected, so the clock skips this time or shows it twice.
  }
  const earlier = wall.toZonedDateTime(timeZone, { disambiguation: 'earlier' })
  const later = wall.toZonedDateTime(timeZone, { disambiguation: 'later' })
  const choices = [earlier, later].map(withOffset)
  if (!earlier.toPlainDateTime().equals(wall)) {
    return fail('appointment_time_missing', `In ${timeZone} there is no ${wall.toString({ smallestUnit: 'minute' })}.`)
  }
  return fail('appointment_time_ambiguous', `Say ${choices.join(' or ')}.`, { choices })
}

const withOffset = (zoned: Temporal.ZonedDateTime) => zoned.toString({ timeZoneName: 'never', smallestUnit: 'minute' })

const zonedAt = (moment: number, timeZone: string) =>
  Temporal.Instant.fromEpochMilliseconds(moment).toZonedDateTimeISO(timeZone)

/** `2026-10-25T01:30+00:00`: what the clock shows, and its offset, without which that hour of the year has two meanings. */
export const localText = (moment: number, timeZone: string): string => withOffset(zonedAt(moment, timeZone))

/** `YYYY-MM-DD` where the clock hangs. */
export const localDate = (moment: number, timeZone: string): string =>
  zonedAt(moment, timeZone).toPlainDate().toString()

export interface LocalDay {
  date: string
  /** 1 is Monday. */
  weekday: number
}

/** The days that a span touches in a time zone. */
export function daysIn({ from, to }: Span, timeZone: string): LocalDay[] {
  const last = zonedAt(Math.max(from, to - 1), timeZone).toPlainDate()
  const days: LocalDay[] = []
  let day = zonedAt(from, timeZone).toPlainDate()
  while (Temporal.PlainDate.compare(day, last) <= 0) {
    days.push({ date: day.toString(), weekday: day.dayOfWeek })
    day = day.add({ days: 1 })
  }
  return days
}

/**
 * The moment at which a clock shows so many minutes after midnight; 1440 is the end of the day. Where the clock skips
 * that time, the moment after the gap; where it comes twice, the first.
 */
export function atMinute(date: string, minute: number, timeZone: string): number {
  const day = Temporal.PlainDate.from(date)
  if (minute === 1440) return day.add({ days: 1 }).toZonedDateTime(timeZone).epochMilliseconds
  const wall = day.toPlainDateTime({ hour: Math.floor(minute / 60), minute: minute % 60 })
  const zoned = wall.toZonedDateTime(timeZone)
  if (zoned.hour * 60 + zoned.minute === minute) return zoned.epochMilliseconds
  const before = wall.toZonedDateTime(timeZone, { disambiguation: 'earlier' })
  return (before.getTimeZoneTransition('next') ?? zoned).epochMilliseconds
}

/** Two dates, both included, as a span of moments; refused if they are no dates, the wrong way round, or too far apart. */
export function spanOfDates(
  from: string,
  to: string,
  timeZone: string,
  daysLimit: number,
): Result<Span, 'span_invalid'> {
  if (!isDate(from) || !isDate(to)) return fail('span_invalid')
  const days = Temporal.PlainDate.from(from).until(Temporal.PlainDate.from(to)).days + 1
  if (days < 1 || days > daysLimit) return fail('span_invalid')
  return ok({ from: atMinute(from, 0, timeZone), to: atMinute(to, 1440, timeZone) })
}

export function isDate(text: string): boolean {
  try {
    return Temporal.PlainDate.from(text, { overflow: 'reject' }).toString() === text
  } catch {
    return false
  }
}
