/** When somebody is there: opening hours and closures as spans of moments, and the starts that fit between them. Pure. */
import { atMinute, daysIn, MINUTE_MS, overlaps, type Span } from './time'

export interface Hours {
  weekday: number
  fromMinute: number
  toMinute: number
}

export interface Closed {
  fromDate: string
  toDate: string
  fromMinute: number | null
  toMinute: number | null
}

/** The openings that a span touches, whole ones, in order. Hours that meet are one opening. */
export function openingsIn(span: Span, hours: readonly Hours[], timeZone: string): Span[] {
  const openings: Span[] = []
  for (const { date, weekday } of daysIn(span, timeZone)) {
    const ofDay = hours.filter((each) => each.weekday === weekday).sort((a, b) => a.fromMinute - b.fromMinute)
    for (const { fromMinute, toMinute } of joined(ofDay)) {
      openings.push({ from: atMinute(date, fromMinute, timeZone), to: atMinute(date, toMinute, timeZone) })
    }
  }
  return openings.filter((each) => each.from < each.to && overlaps(each, span))
}

function joined(hours: readonly Hours[]): Hours[] {
  const out: Hours[] = []
  for (const each of hours) {
    const last = out.at(-1)
    if (last && last.toMinute === each.fromMinute) out[out.length - 1] = { ...last, toMinute: each.toMinute }
    else out.push(each)
  }
  return out
}

export function closedIn(span: Span, closures: readonly Closed[], timeZone: string): Span[] {
  const closed: Span[] = []
  for (const { date } of daysIn(span, timeZone)) {
    for (const { fromDate, toDate, fromMinute, toMinute } of closures) {
      if (date < fromDate || date > toDate) continue
      closed.push({ from: atMinute(date, fromMinute ?? 0, timeZone), to: atMinute(date, toMinute ?? 1440, timeZone) })
    }
  }
  return closed
}

/** Whether a start lies on the steps that are counted from the opening of the day. */
export const onStep = (opening: Span, start: number, stepMinutes: number): boolean =>
  (start - opening.from) % (stepMinutes * MINUTE_MS) === 0

/** Every start from which the whole length fits into the opening. */
export function startsIn(opening: Span, stepMinutes: number, lengthMs: number): number[] {
  const starts: number[] = []
  for (let start = opening.from; start + lengthMs <= opening.to; start += stepMinutes * MINUTE_MS) starts.push(start)
  return starts
}
