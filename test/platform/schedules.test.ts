/** When a schedule is due: by the clocks of its zone, through every change of theirs. */
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { dueBetween, nextDue, type Timing } from '../../src/platform/jobs/due'

const DAY_MS = 24 * 3_600_000

const at = (text: string) => Date.parse(`${text}Z`)
const shown = (moment: number) => new Date(moment).toISOString().slice(0, 16)

/** Every moment after the first and not after the last, found step by step in the direction that is asked for. */
function forwards(timing: Timing, after: number, until: number): number[] {
  const moments: number[] = []
  for (let next = nextDue(timing, after); next !== undefined && next <= until; next = nextDue(timing, next))
    moments.push(next)
  return moments
}
function backwards(timing: Timing, after: number, until: number): number[] {
  const moments: number[] = []
  for (let last = dueBetween(timing, after, until); last !== undefined; last = dueBetween(timing, after, last - 1))
    moments.unshift(last)
  return moments
}

// The dates of the changes are those of the IANA time zone database (2027); moments are in UTC.
const CHANGES: Array<[what: string, zone: string, pattern: string, from: string, until: string, due: string[]]> = [
  [
    'Lisbon, forwards at 01:00: 01:30 does not exist, and comes at 02:00',
    'Europe/Lisbon',
    '30 1 * * *',
    '2027-03-27T00:00',
    '2027-03-30T00:00',
    ['2027-03-27T01:30', '2027-03-28T01:00', '2027-03-29T00:30'],
  ],
  [
    'Lisbon, backwards at 02:00: 01:30 comes twice, and counts once',
    'Europe/Lisbon',
    '30 1 * * *',
    '2027-10-30T00:00',
    '2027-11-02T00:00',
    ['2027-10-30T00:30', '2027-10-31T00:30', '2027-11-01T01:30'],
  ],
  [
    'Lisbon, 02:30 is there in both nights',
    'Europe/Lisbon',
    '30 2 * * *',
    '2027-03-27T12:00',
    '2027-03-29T12:00',
    ['2027-03-28T01:30', '2027-03-29T01:30'],
  ],
  [
    'New York, forwards at 02:00: 02:30 does not exist, and comes at 03:00',
    'America/New_York',
    '30 2 * * *',
    '2027-03-13T00:00',
    '2027-03-16T00:00',
    ['2027-03-13T07:30', '2027-03-14T07:00', '2027-03-15T06:30'],
  ],
  [
    'New York, forwards: both moments of a list fall on the one after the gap, which is one',
    'America/New_York',
    '0,30 2 * * *',
    '2027-03-14T00:00',
    '2027-03-15T12:00',
    ['2027-03-14T07:00', '2027-03-15T06:00', '2027-03-15T06:30'],
  ],
  [
    'New York, backwards at 02:00: 01:30 comes twice, and counts once',
    'America/New_York',
    '30 1 * * *',
    '2027-11-06T00:00',
    '2027-11-09T00:00',
    ['2027-11-06T05:30', '2027-11-07T05:30', '2027-11-08T06:30'],
  ],
  [
    'New York, backwards: 02:30 is there once',
    'America/New_York',
    '30 2 * * *',
    '2027-11-06T12:00',
    '2027-11-08T12:00',
    ['2027-11-07T07:30', '2027-11-08T07:30'],
  ],
  [
    'New York, forwards: an hourly one runs in each hour that is there',
    'America/New_York',
    '0 * * * *',
    '2027-03-14T05:30',
    '2027-03-14T09:30',
    ['2027-03-14T06:00', '2027-03-14T07:00', '2027-03-14T08:00', '2027-03-14T09:00'],
  ],
  [
    'New York, backwards: an hourly one runs in both of the doubled hours',
    'America/New_York',
    '0 * * * *',
    '2027-11-07T04:30',
    '2027-11-07T08:30',
    ['2027-11-07T05:00', '2027-11-07T06:00', '2027-11-07T07:00', '2027-11-07T08:00'],
  ],
  [
    'Lord Howe, forwards by half an hour at 02:00: 02:15 does not exist, and comes at 02:30',
    'Australia/Lord_Howe',
    '15 2 * * *',
    '2027-10-01T00:00',
    '2027-10-04T00:00',
    ['2027-10-01T15:45', '2027-10-02T15:30', '2027-10-03T15:15'],
  ],
  [
    'Lord Howe, backwards by half an hour at 02:00: 01:45 comes twice, and counts once',
    'Australia/Lord_Howe',
    '45 1 * * *',
    '2027-04-02T00:00',
    '2027-04-05T00:00',
    ['2027-04-02T14:45', '2027-04-03T14:45', '2027-04-04T15:15'],
  ],
  [
    'Lord Howe, backwards: one of every quarter of an hour keeps its quarters',
    'Australia/Lord_Howe',
    '*/15 * * * *',
    '2027-04-03T14:20',
    '2027-04-03T15:30',
    ['2027-04-03T14:30', '2027-04-03T14:45', '2027-04-03T15:00', '2027-04-03T15:15', '2027-04-03T15:30'],
  ],
  [
    'Maputo, which changes no clocks',
    'Africa/Maputo',
    '30 2 * * *',
    '2027-03-27T12:00',
    '2027-03-30T12:00',
    ['2027-03-28T00:30', '2027-03-29T00:30', '2027-03-30T00:30'],
  ],
]

describe('where clocks are changed', () => {
  test.each(CHANGES)('%s', (_, timeZone, pattern, from, until, due) => {
    const timing = { pattern, timeZone }
    expect(forwards(timing, at(from), at(until)).map(shown)).toEqual(due)
    expect(backwards(timing, at(from), at(until)).map(shown)).toEqual(due)
  })

  test.each(['Europe/Lisbon', 'America/New_York', 'Australia/Lord_Howe', 'Africa/Maputo'])(
    'a time of day comes once on each of the 365 days, in %s',
    (timeZone) => {
      const date = new Intl.DateTimeFormat('en-CA', { timeZone, dateStyle: 'short' })
      for (const time of ['30 0', '0 1', '30 1', '45 1', '0 2', '15 2', '30 2', '0 3']) {
        const moments = forwards({ pattern: `${time} * * *`, timeZone }, at('2026-12-31T12:00'), at('2027-12-31T11:00'))
        expect([time, new Set(moments.map((moment) => date.format(moment))).size, moments.length]).toEqual([
          time,
          365,
          365,
        ])
      }
    },
  )

  test.each(['Europe/Lisbon', 'America/New_York', 'Africa/Maputo'])(
    'an hourly one comes each hour of the year, in %s',
    (timeZone) => {
      const [from, until] = [at('2027-01-01T00:30'), at('2027-12-31T23:30')]
      const moments = forwards({ pattern: '0 * * * *', timeZone }, from, until)
      expect(moments).toHaveLength((until - from) / 3_600_000)
    },
  )
})

describe('the moments between two', () => {
  const timing = { pattern: '*/5 * * * * *' }

  test('leave the first out, and hold the last', () => {
    expect(dueBetween(timing, 5_000, 10_000)).toBe(10_000)
    expect(dueBetween(timing, 5_000, 9_999)).toBeUndefined()
    expect(dueBetween(timing, 4_999, 9_999)).toBe(5_000)
    expect(nextDue(timing, 5_000)).toBe(10_000)
    expect(nextDue(timing, 4_999)).toBe(5_000)
  })

  test('are none when time runs backwards', () => {
    expect(dueBetween(timing, 60_000, 30_000)).toBeUndefined()
  })

  test('of months of sleep are answered by the last of them, at once', () => {
    const [from, until] = [at('2026-01-01T00:00'), at('2026-11-24T09:30')]
    expect(dueBetween(timing, from, until)).toBe(until)
  })

  test('of a pattern that is never due are none', () => {
    const never = { pattern: '0 0 31 2 *' }
    expect(nextDue(never, 0)).toBeUndefined()
    expect(dueBetween(never, 0, at('2027-01-01T00:00'))).toBeUndefined()
  })

  test('are the same wherever one begins to count, forwards and backwards', () => {
    const patterns = [
      '0 * * * *',
      '*/15 * * * *',
      '30 1 * * *',
      '0,30 2 * * *',
      '0 1-3 * * *',
      '0 */2 * * *',
      '15 2 * * 0',
    ]
    const zones = ['UTC', 'Europe/Lisbon', 'America/New_York', 'Australia/Lord_Howe', 'Africa/Maputo']
    // Around the changes of the clocks in March, April, October and November.
    const changes = ['2027-03-14T07:00', '2027-03-28T01:00', '2027-04-03T15:00', '2027-10-02T15:30', '2027-10-31T01:00']
    fc.assert(
      fc.property(
        fc.constantFrom(...patterns),
        fc.constantFrom(...zones),
        fc.constantFrom(...changes, '2027-11-07T06:00'),
        fc.integer({ min: -DAY_MS, max: 0 }),
        fc.integer({ min: 0, max: DAY_MS }),
        fc.integer({ min: 0, max: DAY_MS }),
        (pattern, timeZone, change, early, middle, late) => {
          const each = { pattern, timeZone }
          const [from, between] = [at(change) + early, at(change) + early + middle]
          const until = between + late
          const whole = forwards(each, from, until)
          expect([...forwards(each, from, between), ...forwards(each, between, until)]).toEqual(whole)
          expect(backwards(each, from, until)).toEqual(whole)
        },
      ),
    )
  })
})
