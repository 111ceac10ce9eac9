/** Schedules and jobs: a moment is run once, however many copies there are and whatever the clock does; a job outlives the process that asked for it. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { createJobs, type Jobs, type Schedule, type ScheduleReport } from '../../src/platform/jobs'
import { scheduleRuns } from '../../src/platform/jobs/schema'
import type { Log } from '../../src/platform/observability/log'
import { createQueue, HopelessError, type Queue } from '../../src/platform/queue'
import type { Runtime } from '../../src/platform/runtime'
import { freshDatabase, type TestDatabase } from '../support/database'
import { createTestRuntime, type TestClock, testClock } from '../support/world'

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
const YEAR_MS = 365 * DAY_MS
const HOURLY = '0 * * * *'
const EVERY_FIVE_SECONDS = '*/5 * * * * *'

let database: TestDatabase
let clock: TestClock
let runtime: Runtime
let queue: Queue
let jobs: Jobs
const logged: string[] = []
const note = (_: unknown, message: string) => void logged.push(message)
const log: Log = { debug() {}, info: note, warn: note, error: note }

beforeEach(async () => {
  database = await freshDatabase()
  // 09:30, between two moments of an hourly schedule.
  clock = testClock()
  runtime = createTestRuntime(database, clock, log)
  queue = createQueue(runtime)
  jobs = createJobs(runtime, queue)
  logged.length = 0
})
afterEach(async () => {
  await runtime.store.close()
  await database.drop()
})

/** Adds a schedule that notes the moment of each run. */
function noting(schedule: Partial<Schedule> = {}, on: Jobs = jobs): number[] {
  const runs: number[] = []
  on.schedule({
    name: 'hourly',
    pattern: HOURLY,
    missed: 'run_once',
    run: async () => {
      runs.push(clock())
    },
    ...schedule,
  })
  return runs
}

/** Adds a schedule whose runs end when they are told to. */
function slow(schedule: Partial<Schedule> = {}, on: Jobs = jobs) {
  let begun = Promise.withResolvers<void>()
  let end = Promise.withResolvers<void>()
  const started: number[] = []
  noting(
    {
      ...schedule,
      run: async () => {
        started.push(clock())
        begun.resolve()
        await end.promise
      },
    },
    on,
  )
  return {
    started,
    hasBegun: () => begun.promise,
    finish() {
      end.resolve()
      begun = Promise.withResolvers()
      end = Promise.withResolvers()
    },
  }
}

/** A check each minute of the clock, as the timer makes one each second. */
async function pass(ms: number, on: Jobs[] = [jobs]): Promise<void> {
  for (let left = ms; left > 0; left -= MINUTE_MS) {
    clock.advance(Math.min(left, MINUTE_MS))
    await Promise.all(on.map((each) => each.check()))
  }
}

/** A copy of the process that knows nothing but the database. */
const restarted = () => createJobs(runtime, createQueue(runtime))

const row = async () => (await runtime.store.read.select().from(scheduleRuns))[0]
const reported = async (on: Jobs = jobs) => (await on.report())[0] as ScheduleReport

describe('a schedule', () => {
  test('that is seen for the first time has missed nothing', async () => {
    const runs = noting()
    await jobs.check()
    expect(runs).toEqual([])
    expect(await reported()).toMatchObject({ lastStartedAt: null, lastOutcome: null, nextAt: clock() + HOUR_MS / 2 })
  })

  test('runs at each of its moments, once', async () => {
    const begin = clock()
    const runs = noting()
    await jobs.check()
    await pass(3 * HOUR_MS)
    expect(runs.map((at) => at - begin)).toEqual([30, 90, 150].map((minutes) => minutes * MINUTE_MS))
  })

  test('runs by the clocks of its zone', async () => {
    // 09:30 in UTC is 11:30 in Maputo.
    const runs = noting({ pattern: '0 12 * * *', timeZone: 'Africa/Maputo' })
    await jobs.check()
    await pass(31 * MINUTE_MS)
    expect(runs).toHaveLength(1)
  })

  test('says what was due, when it ran and how it ended', async () => {
    noting({
      run: async () => {
        clock.advance(3 * SECOND_MS)
      },
    })
    await jobs.check()
    clock.advance(HOUR_MS / 2)
    const due = clock()
    await jobs.check()
    expect(await row()).toMatchObject({
      dueAt: due,
      startedAt: due,
      endedAt: due + 3 * SECOND_MS,
      leaseUntil: 0,
      outcome: 'done',
      error: null,
    })
    expect(await reported()).toEqual({
      name: 'hourly',
      pattern: HOURLY,
      timeZone: 'UTC',
      missed: 'run_once',
      lastStartedAt: due,
      lastEndedAt: due + 3 * SECOND_MS,
      lastOutcome: 'done',
      error: null,
      nextAt: due + HOUR_MS,
    })
  })

  test('belongs to the moment at which it was due, and not to the one at which it ran', async () => {
    noting()
    await jobs.check()
    const due = clock() + HOUR_MS / 2
    clock.advance(HOUR_MS / 2 + 7 * SECOND_MS)
    await jobs.check()
    expect(await row()).toMatchObject({ dueAt: due, startedAt: due + 7 * SECOND_MS })
  })

  test('is refused when its pattern or its zone is none, or its name is taken', () => {
    noting()
    expect(() => noting()).toThrow('hourly')
    expect(() => noting({ name: 'a', pattern: '61 * * * *' })).toThrow()
    expect(() => noting({ name: 'b', timeZone: 'Africa/Nowhere' })).toThrow('Africa/Nowhere')
  })

  test('of every few seconds is written to the database once a run', async () => {
    const runs = noting({ pattern: EVERY_FIVE_SECONDS })
    await jobs.check()
    clock.advance(5 * SECOND_MS)
    // The first end is news, and noted at once.
    await jobs.check()
    let writes = 0
    const { write } = runtime.store
    runtime.store.write = (unit) => {
      writes += 1
      return write(unit)
    }
    for (let i = 0; i < 10; i++) {
      clock.advance(SECOND_MS)
      await jobs.check()
    }
    expect({ runs: runs.length, writes }).toEqual({ runs: 3, writes: 2 })
    await jobs.stop()
    expect(await row()).toMatchObject({ startedAt: clock(), endedAt: clock(), leaseUntil: 0 })
  })
})

describe('moments that were missed', () => {
  test.each([
    ['run_once', 1],
    ['skip', 0],
  ] as const)('while the process was down for days: %s', async (missed, expected) => {
    noting({ missed })
    await jobs.check()
    clock.advance(50 * HOUR_MS)
    const later = restarted()
    const runs = noting({ missed }, later)
    for (let i = 0; i < 3; i++) await later.check()
    expect(runs).toHaveLength(expected)
    await pass(HOUR_MS, [later])
    expect(runs).toHaveLength(expected + 1)
  })

  test.each([
    ['run_once', 1],
    ['skip', 0],
  ] as const)('while the machine slept for hours: %s', async (missed, expected) => {
    const runs = noting({ missed })
    await pass(HOUR_MS)
    expect(runs).toHaveLength(1)
    clock.advance(5 * HOUR_MS)
    await jobs.check()
    await jobs.check()
    expect(runs).toHaveLength(1 + expected)
    await pass(HOUR_MS)
    expect(runs).toHaveLength(2 + expected)
  })

  test('by seconds are not missed: a restart at the moment itself loses nothing', async () => {
    noting({ missed: 'skip' })
    await jobs.check()
    clock.advance(HOUR_MS / 2 + 20 * SECOND_MS)
    const later = restarted()
    const runs = noting({ missed: 'skip' }, later)
    await later.check()
    expect(runs).toHaveLength(1)
  })

  test('are passed over for good', async () => {
    const runs = noting({ missed: 'skip' })
    await jobs.check()
    clock.advance(2 * HOUR_MS)
    await jobs.check()
    expect(logged).toEqual(['turns of a schedule were missed, and are passed over'])
    const later = restarted()
    const laterRuns = noting({ missed: 'skip' }, later)
    await later.check()
    expect([runs, laterRuns]).toEqual([[], []])
  })
})

describe('a clock', () => {
  test('that is set back runs no moment a second time', async () => {
    const runs = noting()
    await jobs.check()
    await pass(3 * HOUR_MS)
    expect(runs).toHaveLength(3)
    clock.advance(-2 * HOUR_MS)
    await pass(2 * HOUR_MS)
    expect(runs).toHaveLength(3)
    await pass(HOUR_MS)
    expect(runs).toHaveLength(4)
  })

  test('that was set back while the process was down neither', async () => {
    const runs = noting()
    await jobs.check()
    await pass(3 * HOUR_MS)
    clock.advance(-2 * HOUR_MS)
    const later = restarted()
    const laterRuns = noting({}, later)
    await pass(2 * HOUR_MS, [later])
    expect([runs.length, laterRuns.length]).toEqual([3, 0])
  })

  test.each(['run_once', 'skip'] as const)(
    'that was years ahead and is corrected silences nothing: %s',
    async (missed) => {
      const runs = noting({ missed })
      await jobs.check()
      clock.advance(10 * YEAR_MS)
      await jobs.check()
      await pass(HOUR_MS)
      const before = runs.length
      clock.advance(-10 * YEAR_MS - HOUR_MS)
      await jobs.check()
      expect(runs).toHaveLength(before)
      expect(logged).toContain('the clock was far ahead: the schedule starts anew from now')
      await pass(HOUR_MS)
      expect(runs).toHaveLength(before + 1)
    },
  )

  test('that was years ahead when the process was killed in the middle of a run does not hold it either', async () => {
    clock.advance(10 * YEAR_MS)
    const killed = slow()
    await jobs.check()
    clock.advance(HOUR_MS / 2)
    void jobs.check()
    await killed.hasBegun()
    clock.advance(-10 * YEAR_MS)
    const later = restarted()
    const runs = noting({}, later)
    await later.check()
    await pass(HOUR_MS, [later])
    expect(runs).toHaveLength(1)
    killed.finish()
    await jobs.stop()
  })

  test('that is set back by minutes stops no schedule of seconds for longer than an hour', async () => {
    const runs = noting({ pattern: EVERY_FIVE_SECONDS })
    await jobs.check()
    clock.advance(2 * HOUR_MS)
    await jobs.check()
    clock.advance(-90 * MINUTE_MS)
    await jobs.check()
    clock.advance(5 * SECOND_MS)
    await jobs.check()
    expect(runs).toHaveLength(2)
  })
})

describe('several copies', () => {
  test('run a moment once', async () => {
    const copies = [jobs, restarted(), restarted()]
    const runs = copies.map((each) => noting({}, each))
    await Promise.all(copies.map((each) => each.check()))
    await pass(2 * HOUR_MS, copies)
    expect(runs.flat()).toHaveLength(2)
    expect(new Set(runs.flat()).size).toBe(2)
  })

  test('make up for what all of them missed once', async () => {
    noting()
    await jobs.check()
    clock.advance(7 * HOUR_MS)
    const copies = [restarted(), restarted(), restarted()]
    const runs = copies.map((each) => noting({}, each))
    await Promise.all(copies.map((each) => each.check()))
    expect(runs.flat()).toHaveLength(1)
  })

  test('do not begin beside a run of another, be it as long as it will', async () => {
    const first = slow()
    const second = restarted()
    const runs = noting({}, second)
    await jobs.check()
    clock.advance(HOUR_MS / 2)
    const running = jobs.check()
    await first.hasBegun()
    // The copy that is at it says each half minute that it is alive.
    for (let i = 0; i < 150; i++) {
      clock.advance(30 * SECOND_MS)
      await jobs.check()
      await second.check()
    }
    expect(runs).toEqual([])
    first.finish()
    await running
    clock.advance(10 * SECOND_MS)
    await second.check()
    expect(runs).toHaveLength(1)
  })

  test('take over from one that died in the middle of a run', async () => {
    const died = slow()
    const second = restarted()
    const runs = noting({}, second)
    await jobs.check()
    clock.advance(HOUR_MS / 2)
    void jobs.check()
    await died.hasBegun()
    expect(await reported(second)).toMatchObject({ lastOutcome: 'under_way', lastEndedAt: null })
    await pass(HOUR_MS, [second])
    expect(runs).toHaveLength(1)
    died.finish()
    await jobs.stop()
    expect(await reported(second)).toMatchObject({ lastStartedAt: runs[0] as number, lastOutcome: 'done' })
  })
})

describe('a run that fails', () => {
  test('is logged, counted and shown, and the next one runs all the same', async () => {
    let fails = true
    const runs = noting({
      run: async () => {
        runs.push(clock())
        if (fails) throw new Error(`the mail server is away${'!'.repeat(500)}`)
      },
    })
    const others = noting({ name: 'other' })
    await jobs.check()
    await pass(HOUR_MS)
    expect(logged).toEqual(['a schedule failed; it runs again at its next turn'])
    expect(others).toHaveLength(1)
    const [first] = await jobs.report()
    expect(first?.lastOutcome).toBe('failed')
    expect(first?.error).toBe(`the mail server is away${'!'.repeat(177)}`)
    expect(await runtime.metrics.registry.metrics()).toContain(
      'kumbu_work_total{kind="schedule:hourly",outcome="failed"} 1',
    )
    fails = false
    await pass(HOUR_MS)
    expect(runs).toHaveLength(2)
    expect(await reported()).toMatchObject({ lastOutcome: 'done', error: null })
  })

  test('of a schedule of seconds is shown at once, and so is its end', async () => {
    let fails = true
    noting({
      pattern: EVERY_FIVE_SECONDS,
      run: async () => {
        if (fails) throw new Error('away')
      },
    })
    await jobs.check()
    const outcomes: unknown[] = []
    for (fails of [true, true, false, false]) {
      clock.advance(5 * SECOND_MS)
      await jobs.check()
      outcomes.push((await reported(restartedWithSame())).lastOutcome)
    }
    expect(outcomes).toEqual(['failed', 'failed', 'done', 'done'])
  })

  const restartedWithSame = () => {
    const copy = restarted()
    noting({ pattern: EVERY_FIVE_SECONDS }, copy)
    return copy
  }
})

describe('a run that is longer than its gap', () => {
  test.each([
    ['run_once', 2],
    ['skip', 1],
  ] as const)('is not overlapped, and what it held up goes by the rule: %s', async (missed, expected) => {
    const schedule = slow({ missed })
    await jobs.check()
    clock.advance(HOUR_MS / 2)
    const first = jobs.check()
    await schedule.hasBegun()
    await pass(2 * HOUR_MS + 10 * SECOND_MS)
    expect(schedule.started).toHaveLength(1)
    schedule.finish()
    await first
    const second = jobs.check()
    if (expected === 2) await schedule.hasBegun()
    schedule.finish()
    await second
    await jobs.check()
    expect(schedule.started).toHaveLength(expected)
    const third = pass(HOUR_MS)
    await schedule.hasBegun()
    schedule.finish()
    await third
    expect(schedule.started).toHaveLength(expected + 1)
  })

  test('of every few seconds is shown as under way when it hangs', async () => {
    const schedule = slow({ pattern: EVERY_FIVE_SECONDS })
    await jobs.check()
    clock.advance(5 * SECOND_MS)
    const first = jobs.check()
    await schedule.hasBegun()
    schedule.finish()
    await first
    clock.advance(5 * SECOND_MS)
    const second = jobs.check()
    await schedule.hasBegun()
    expect(await reported()).toMatchObject({ lastStartedAt: clock(), lastEndedAt: null, lastOutcome: 'done' })
    await pass(2 * MINUTE_MS)
    expect(await reported()).toMatchObject({ lastEndedAt: null, lastOutcome: 'under_way' })
    schedule.finish()
    await second
    await jobs.stop()
    expect(await reported()).toMatchObject({ lastEndedAt: clock(), lastOutcome: 'done' })
  })

  test('holds up no other schedule', async () => {
    const hung = slow()
    const others = noting({ name: 'other' })
    await jobs.check()
    clock.advance(HOUR_MS / 2)
    void jobs.check()
    await hung.hasBegun()
    await pass(3 * HOUR_MS)
    expect(others).toHaveLength(4)
    hung.finish()
    await jobs.stop()
  })
})

describe('a process', () => {
  test('that stops waits for the run that is under way, and its end is noted', async () => {
    const schedule = slow()
    await jobs.check()
    clock.advance(HOUR_MS / 2)
    jobs.start()
    await schedule.hasBegun()
    const stopped = jobs.stop()
    schedule.finish()
    await stopped
    expect(await reported()).toMatchObject({ lastOutcome: 'done' })
  })

  test('that was killed in the middle of a run shows it as interrupted, and does not run that moment again', async () => {
    const killed = slow()
    await jobs.check()
    clock.advance(HOUR_MS / 2)
    void jobs.check()
    await killed.hasBegun()
    clock.advance(10 * MINUTE_MS)
    const later = restarted()
    const runs = noting({}, later)
    later.start()
    await later.check()
    expect(await reported(later)).toMatchObject({ lastOutcome: 'interrupted', lastEndedAt: null })
    expect(runs).toEqual([])
    await pass(HOUR_MS, [later])
    expect(runs).toHaveLength(1)
    await later.stop()
    killed.finish()
    await jobs.stop()
  })

  test('that is started runs by itself what is due', async () => {
    const ran = Promise.withResolvers<void>()
    noting()
    await jobs.check()
    clock.advance(HOUR_MS)
    const later = restarted()
    noting({ run: async () => ran.resolve() }, later)
    later.start()
    await ran.promise
    await later.stop()
    expect(await reported(later)).toMatchObject({ lastStartedAt: clock(), lastOutcome: 'done' })
  })

  test('whose database is away for a while goes on when it is back', async () => {
    const runs = noting()
    await jobs.check()
    const { write } = runtime.store
    runtime.store.write = () => Promise.reject(new Error('the database is away'))
    await pass(HOUR_MS)
    expect(runs).toEqual([])
    expect(logged).toContain('it could not be seen whether a schedule is due')
    runtime.store.write = write
    await jobs.check()
    expect(runs).toHaveLength(1)
  })
})

describe('a run by hand', () => {
  test('comes whatever the pattern says, and leaves the next moment as it is', async () => {
    const runs = noting()
    await jobs.runNow('hourly')
    expect(runs).toHaveLength(1)
    expect(await reported()).toMatchObject({
      lastStartedAt: clock(),
      lastOutcome: 'done',
      nextAt: clock() + HOUR_MS / 2,
    })
    await pass(HOUR_MS)
    expect(runs).toHaveLength(2)
  })

  test('of a name that is none is refused', async () => {
    expect(await jobs.begin('unknown')).toMatchObject({ ok: false, code: 'schedule_not_found' })
    expect(jobs.runNow('unknown')).rejects.toThrow('unknown')
  })

  test('does not begin beside one that is under way, here or in another copy', async () => {
    const schedule = slow()
    const second = restarted()
    noting({}, second)
    const begun = await jobs.begin('hourly')
    expect(begun.ok).toBe(true)
    for (const each of [jobs, second])
      expect(await each.begin('hourly')).toMatchObject({ ok: false, code: 'schedule_under_way' })
    schedule.finish()
    await jobs.stop()
    expect((await second.begin('hourly')).ok).toBe(true)
    await second.stop()
  })

  test('that fails says so to whoever waits for it', async () => {
    noting({
      run: async () => {
        throw new Error('the disk is full')
      },
    })
    await expect(jobs.runNow('hourly')).rejects.toThrow('the disk is full')
    expect(await reported()).toMatchObject({ lastOutcome: 'failed', error: 'the disk is full' })
  })
})

describe('a job', () => {
  test('is done once, after the unit that asked for it', async () => {
    const done: unknown[] = []
    const greet = jobs.define<{ name: string }>({
      name: 'greet',
      attempts: 3,
      run: async (payload, attempt) => {
        done.push([payload.name, attempt])
        return undefined
      },
    })
    await runtime.store.write((tx) => greet(tx, { name: 'Amina' }))
    expect(done).toEqual([])
    await queue.drain()
    expect(done).toEqual([['Amina', 1]])
  })

  test('of a unit that failed is never done', async () => {
    let runs = 0
    const job = jobs.define({
      name: 'count',
      attempts: 3,
      run: async () => {
        runs += 1
        return undefined
      },
    })
    const unit = runtime.store.write(async (tx) => {
      await job(tx, {})
      throw new Error('undone')
    })
    await unit.catch(() => undefined)
    await queue.drain()
    expect(runs).toBe(0)
  })

  test('waits for its moment across a restart', async () => {
    const define = (on: Jobs, done: unknown[]) =>
      on.define<string>({
        name: 'remind',
        attempts: 3,
        run: async (payload) => {
          done.push(payload)
          return undefined
        },
      })
    const remind = define(jobs, [])
    await runtime.store.write((tx) => remind(tx, 'at noon', { dueAt: clock() + HOUR_MS }))
    await runtime.store.close()
    runtime = createTestRuntime(database, clock, log)
    queue = createQueue(runtime)
    const done: unknown[] = []
    define(createJobs(runtime, queue), done)
    await queue.drain()
    expect(done).toEqual([])
    clock.advance(HOUR_MS)
    await queue.drain()
    expect(done).toEqual(['at noon'])
  })

  test('of a unique key waits once', async () => {
    const done: number[] = []
    const job = jobs.define<number>({
      name: 'once',
      attempts: 3,
      run: async (payload) => {
        done.push(payload)
        return undefined
      },
    })
    for (const payload of [1, 2]) await runtime.store.write((tx) => job(tx, payload, { uniqueKey: 'k' }))
    await queue.drain()
    expect(done).toEqual([1])
  })

  test('is tried as often as it says, and not at all when there is no hope', async () => {
    const tries: string[] = []
    const stubborn = jobs.define({
      name: 'stubborn',
      attempts: 2,
      run: async () => {
        tries.push('stubborn')
        throw new Error('away')
      },
    })
    const hopeless = jobs.define({
      name: 'hopeless',
      attempts: 2,
      run: async () => {
        tries.push('hopeless')
        throw new HopelessError('gone')
      },
    })
    await runtime.store.write(async (tx) => {
      await stubborn(tx, {})
      await hopeless(tx, {})
    })
    for (let i = 0; i < 4; i++) {
      await queue.drain()
      clock.advance(10 * SECOND_MS)
    }
    expect(tries.sort()).toEqual(['hopeless', 'stubborn', 'stubborn'])
    expect((await queue.dead(10)).map(({ kind }) => kind).sort()).toEqual(['job:hopeless', 'job:stubborn'])
  })
})
