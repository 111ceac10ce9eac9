/**
 * When a schedule is due, by its pattern and its time zone alone: no clock and no timer. Where clocks are changed, a time
 * of day runs once a day: one that is left out comes at the moment when the clocks have been put forward, one that comes
 * twice counts the first time. A pattern with a star or a step in its seconds, minutes or hours goes by time that really
 * passes: an hourly one runs in every hour, in both of a doubled one and in none that does not exist.
 */
import { Cron } from 'croner'

export interface Timing {
  /** A cron pattern, with seconds if it has six parts. */
  pattern: string
  /** The IANA name of the zone whose clocks the pattern means; UTC if it names none. */
  timeZone?: string
}

const known = new Map<string, Cron>()

/** Throws when the pattern or the zone is none. Made once for each, because taking a pattern apart is slow. */
function cronOf({ pattern, timeZone = 'UTC' }: Timing): Cron {
  const key = `${timeZone} ${pattern}`
  const made = known.get(key)
  if (made) return made
  // UTC as an offset spares asking the calendar. The rule lets lists and ranges of hours count as times of day, too.
  const zone = timeZone === 'UTC' ? { utcOffset: 0 } : { timezone: timeZone }
  const cron = new Cron(pattern, { ...zone, fixedTimeRule: 'no-wildcard' })
  // A zone is looked up only when a moment is asked for.
  cron.nextRun(new Date(0))
  known.set(key, cron)
  return cron
}

/** The first moment after this one at which it is due. */
export function nextDue(timing: Timing, after: number): number | undefined {
  return cronOf(timing).nextRun(new Date(after))?.getTime()
}

/** The last moment after `after`, and not after `until`, at which it was due; however many there were. */
export function dueBetween(timing: Timing, after: number, until: number): number | undefined {
  const [last] = cronOf(timing).previousRuns(1, new Date(until + 1))
  return last && last.getTime() > after ? last.getTime() : undefined
}

/** Milliseconds from one moment to the one after it, as it is around this time. */
export function gapAt(timing: Timing, around: number): number {
  const first = nextDue(timing, around)
  const second = first && nextDue(timing, first)
  return first && second ? second - first : Number.POSITIVE_INFINITY
}
