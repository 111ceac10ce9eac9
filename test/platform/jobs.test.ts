/** Schedules and jobs: a turn is run once, however many copies there are; a job outlives the process that asked for it. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { createJobs, type Jobs, type Schedule } from '../../src/platform/jobs'
import { scheduleRuns } from '../../src/platform/jobs/schema'
import type { Log } from '../../src/platform/observability/log'
import { createQueue, HopelessError, type Queue } from '../../src/platform/queue'
import type { Runtime } from '../../src/platform/runtime'
import { freshDatabase, type TestDatabase } from '../support/database'
import { createTestRuntime, type TestClock, testClock } from '../support/world'

const SECOND_MS = 1_000
const HOUR_MS = 3_600 * SECOND_MS
const HOURLY = '0 * * * *'

let database: TestDatabase
let clock: TestClock
let runtime: Runtime
let queue: Queue
let jobs: Jobs
const logged: string[] = []
const log: Log = {
  debug() {},
  info() {},
  warn() {},
  error: (_, message) => void logged.push(message),
}

beforeEach(async () => {
  database = await freshDatabase()
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

/** As if the schedule had last begun this long ago. */
const ranBefore = (agoMs: number, name = 'hourly') =>
  runtime.store.write(async (tx) => {
    await tx.insert(scheduleRuns).values({ name, startedAt: clock() - agoMs })
  })
const lastRun = async () => (await runtime.store.read.select().from(scheduleRuns))[0]?.startedAt

/** Starts copies that share the database, waits for what their start set off, and answers how often it ran. */
async function startCopies(copies: number, schedule: Omit<Schedule, 'run' | 'name'>): Promise<number> {
  let runs = 0
  const all = Array.from({ length: copies }, () => createJobs(runtime, createQueue(runtime)))
  for (const each of all) {
    each.schedule({
      name: 'hourly',
      ...schedule,
      run: async () => {
        runs += 1
      },
    })
    each.start()
  }
  await Promise.all(all.map((each) => each.stop()))
  return runs
}

describe('a schedule', () => {
  test('that missed a turn while the process was down makes up for it at the start', async () => {
    await ranBefore(2 * HOUR_MS)
    expect(await startCopies(1, { pattern: HOURLY, catchUp: true })).toBe(1)
    expect(await lastRun()).toBe(clock())
  })

  test('that missed several turns makes up for them with one', async () => {
    await ranBefore(50 * HOUR_MS)
    expect(await startCopies(1, { pattern: HOURLY, catchUp: true })).toBe(1)
    expect(await startCopies(1, { pattern: HOURLY, catchUp: true })).toBe(0)
  })

  test('that missed a turn is made up for once, however many copies start', async () => {
    await ranBefore(2 * HOUR_MS)
    expect(await startCopies(3, { pattern: HOURLY, catchUp: true })).toBe(1)
  })

  test('that missed none waits for its turn', async () => {
    await ranBefore(HOUR_MS / 4)
    expect(await startCopies(1, { pattern: HOURLY, catchUp: true })).toBe(0)
  })

  test('that does not ask for it makes up for nothing', async () => {
    await ranBefore(2 * HOUR_MS)
    expect(await startCopies(1, { pattern: HOURLY })).toBe(0)
  })

  test('runs when its turn comes, once for two copies', async () => {
    const runs: number[] = []
    const copies = [jobs, createJobs(runtime, createQueue(runtime))]
    await new Promise<void>((resolve) => {
      copies.forEach((each, copy) => {
        each.schedule({
          name: 'every second',
          pattern: '* * * * * *',
          run: async () => {
            runs.push(copy)
            resolve()
          },
        })
        each.start()
      })
    })
    await Promise.all(copies.map((each) => each.stop()))
    expect(runs).toHaveLength(1)
  })

  test('that fails is logged, and takes nothing else with it', async () => {
    await ranBefore(2 * HOUR_MS)
    jobs.schedule({
      name: 'hourly',
      pattern: HOURLY,
      catchUp: true,
      run: async () => {
        throw new Error('the mail server is away')
      },
    })
    jobs.start()
    await jobs.stop()
    expect(logged).toEqual(['a schedule failed; it runs again at its next turn'])
  })

  test('that is under way is waited for when the process stops', async () => {
    await ranBefore(2 * HOUR_MS)
    let finish: () => void = () => undefined
    let begun: () => void = () => undefined
    const hasBegun = new Promise<void>((resolve) => {
      begun = resolve
    })
    let ended = false
    jobs.schedule({
      name: 'hourly',
      pattern: HOURLY,
      catchUp: true,
      run: async () => {
        begun()
        await new Promise<void>((resolve) => {
          finish = resolve
        })
        ended = true
      },
    })
    jobs.start()
    await hasBegun
    const stopped = jobs.stop()
    finish()
    await stopped
    expect(ended).toBe(true)
  })

  test('can be run by hand, whatever its pattern says, and its next turn is known', async () => {
    let runs = 0
    jobs.schedule({
      name: 'hourly',
      pattern: HOURLY,
      run: async () => {
        runs += 1
      },
    })
    await jobs.runNow('hourly')
    expect(runs).toBe(1)
    expect(jobs.schedules()).toEqual([{ name: 'hourly', pattern: HOURLY, nextAt: undefined }])
    jobs.start()
    const [{ nextAt = 0 } = {}] = jobs.schedules()
    expect(nextAt % HOUR_MS).toBe(0)
    expect(nextAt).toBeGreaterThan(Date.now())
    await jobs.stop()
    expect(jobs.runNow('unknown')).rejects.toThrow('unknown')
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
