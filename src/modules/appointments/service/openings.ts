/** When somebody is there: opening hours and closures as spans of moments, and the starts that fit between them. Pure. */
import { atMinute, daysIn, MINUTE_MS, overlaps, type Span } from './time'

interface PartOfDay {
  fromMinute: number
  toMinute: number
}

export interface Hours extends PartOfDay {
  weekday: number
}

export interface Closed {
  fromDate: string
  toDate: string
  fromMinute: number | null
  toMinute: number | null
}

/** Of one day, because steps are counted anew each day; what begins in it may last on where the next one follows at once. */
export interface Opening extends Span {
  until: number
}

/** The openings that a span touches, whole ones, in order. Hours of one day that meet are one opening. */
export function openingsIn(span: Span, hours: readonly Hours[], timeZone: string): Opening[] {
  const openings: Span[] = []
  for (const { date, weekday } of daysIn(span, timeZone)) {
    const ofDay = hours.filter((each) => each.weekday === weekday)
    for (const { fromMinute, toMinute } of joined(ofDay)) {
      openings.push({ from: atMinute(date, fromMinute, timeZone), to: atMinute(date, toMinute, timeZone) })
    }
  }
  return lasting(openings.filter((each) => each.from < each.to)).filter((each) => overlaps(each, span))
}

function lasting(openings: readonly Span[]): Opening[] {
  const out: Opening[] = []
  for (const { from, to } of openings.toReversed()) {
    const next = out.at(-1)
    out.push({ from, to, until: next?.from === to ? next.until : to })
  }
  return out.reverse()
}

/** Whether this can take place then: it begins within the opening, and ends before it closes. */
export const holds = (opening: Opening, { from, to }: Span): boolean =>
  opening.from <= from && from < opening.to && to <= opening.until

/** Parts of one day, in order; those that meet or overlap are one. */
function joined(parts: readonly PartOfDay[]): PartOfDay[] {
  const out: PartOfDay[] = []
  for (const { fromMinute, toMinute } of [...parts].sort((a, b) => a.fromMinute - b.fromMinute)) {
    const last = out.at(-1)
    if (last && fromMinute <= last.toMinute) last.toMinute = Math.max(last.toMinute, toMinute)
    else out.push({ fromMinute, toMinute })
  }
  return out
}

/**
 * When it is closed, in order and apart from one another. Those of one day are joined while they are minutes: turning each
 * of hundreds of long closures into moments would take longer than everything else.
 */
export function closedIn(span: Span, closures: readonly Closed[], timeZone: string): Span[] {
  const closed: Span[] = []
  for (const { date } of daysIn(span, timeZone)) {
    const ofDay = closures.filter(({ fromDate, toDate }) => fromDate <= date && date <= toDate)
    const parts = ofDay.map(({ fromMinute, toMinute }) => ({ fromMinute: fromMinute ?? 0, toMinute: toMinute ?? 1440 }))
    for (const { fromMinute, toMinute } of joined(parts)) {
      append(closed, { from: atMinute(date, fromMinute, timeZone), to: atMinute(date, toMinute, timeZone) })
    }
  }
  return closed
}

/** What the clocks skip is no time at all, and a day that follows on another makes one span with it. */
function append(spans: Span[], { from, to }: Span): void {
  const last = spans.at(-1)
  if (last && from <= last.to) last.to = Math.max(last.to, to)
  else if (from < to) spans.push({ from, to })
}

/** Whether there is a time of the week in these hours that was not in those before. */
export const haveGrown = (hours: readonly Hours[], before: readonly Hours[]): boolean =>
  [...Map.groupBy(hours, ({ weekday }) => weekday)].some(([day, ofDay]) => {
    const were = joined(before.filter(({ weekday }) => weekday === day))
    return joined(ofDay).some((part) => !were.some((each) => isWithin(part, each)))
  })

const isWithin = (part: PartOfDay, whole: PartOfDay) =>
  whole.fromMinute <= part.fromMinute && part.toMinute <= whole.toMinute

/** Whether a start lies on the steps that are counted from the opening of the day. */
export const onStep = (opening: Span, start: number, stepMinutes: number): boolean =>
  (start - opening.from) % (stepMinutes * MINUTE_MS) === 0

/** Every start of the opening from which the whole length can take place. */
export function startsIn(opening: Opening, stepMinutes: number, lengthMs: number): number[] {
  const starts: number[] = []
  for (
    let start = opening.from;
    holds(opening, { from: start, to: start + lengthMs });
    start += stepMinutes * MINUTE_MS
  )
    starts.push(start)
  return starts
}
