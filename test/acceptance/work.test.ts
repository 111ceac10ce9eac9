/** Schedules and queued work as an operator sees and runs them over HTTP. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createWorld, type Person, type World } from '../support/world'
import { expectProblem } from './answers'

const WORK = '/api/v1/work'

let world: World
let operator: Person

beforeAll(async () => {
  world = await createWorld()
  operator = await world.person('operator')
})
afterAll(() => world.end())

const scheduleOf = async (name: string) => {
  const { body } = await world.call('GET', WORK, { token: operator.token })
  return body.schedules.find((each: { name: string }) => each.name === name)
}
const run = (name: string, token = operator.token) =>
  world.call('POST', `${WORK}/schedules/${name}/run`, { token, body: {} })

describe('schedules and queued work', () => {
  test('are told together: every schedule with its runs, and what waits by kind', async () => {
    const dueAt = world.clock() + 60_000
    await world.write((tx) => world.app.queue.put(tx, { kind: 'job:none', payload: { secret: '4829' }, dueAt }))
    const { status, body } = await world.call('GET', WORK, { token: operator.token })
    expect(status).toBe(200)
    expect(body.schedules.map(({ name }: { name: string }) => name)).toEqual(
      world.app.jobs.schedules().map(({ name }) => name),
    )
    expect(body.kinds.find(({ kind }: { kind: string }) => kind === 'job:none')).toEqual({
      kind: 'job:none',
      waiting: 1,
      due: 0,
      underWay: 0,
      dead: 0,
      oldestDueAt: new Date(dueAt).toISOString(),
    })
    expect(JSON.stringify(body)).not.toContain('4829')
  })

  test('a schedule is run now, its next turn stays, and the audit log says who did it', async () => {
    const before = await scheduleOf('platform.prune')
    expect(before).toMatchObject({ lastStartedAt: null, lastOutcome: null })

    const { status, body } = await run('platform.prune')
    await world.app.jobs.stop()

    expect({ status, body }).toEqual({ status: 202, body: {} })
    expect(await scheduleOf('platform.prune')).toEqual({
      ...before,
      lastStartedAt: new Date(world.clock()).toISOString(),
      lastEndedAt: new Date(world.clock()).toISOString(),
      lastOutcome: 'done',
    })
    const [entry] = await world.app.identity.auditLog.search({ action: 'schedule.run', limit: 1 })
    expect(entry).toMatchObject({ actor: operator.id, subject: 'platform.prune', outcome: 'allowed' })
  })

  test('a schedule that is under way is not begun a second time', async () => {
    const end = Promise.withResolvers<void>()
    world.app.jobs.schedule({ name: 'test.slow', pattern: '0 0 1 1 *', missed: 'skip', run: () => end.promise })
    expect((await run('test.slow')).status).toBe(202)
    expect(await scheduleOf('test.slow')).toMatchObject({ lastOutcome: 'under_way', lastEndedAt: null })
    expectProblem(await run('test.slow'), 409, 'schedule_under_way')
    end.resolve()
    await world.app.jobs.stop()
    expect((await run('test.slow')).status).toBe(202)
    await world.app.jobs.stop()
  })

  test('a name that is none is refused, and nothing is noted', async () => {
    expectProblem(await run('platform.nothing'), 404, 'schedule_not_found')
    expectProblem(await run('x'.repeat(101)), 422, 'validation_failed')
    expect(
      await world.app.identity.auditLog.search({ action: 'schedule.run', subject: 'platform.nothing', limit: 1 }),
    ).toEqual([])
  })
})

describe('work that failed for good', () => {
  const dead = (query = '') => world.call('GET', `${WORK}/dead${query}`, { token: operator.token })
  const idsOf = (items: Array<{ id: number }>) => items.map(({ id }) => id)

  beforeAll(async () => {
    world.app.jobs.define<{ secret: string }>({
      name: 'test.hopeless',
      attempts: 1,
      run: async () => {
        throw new Error('no use')
      },
    })
    for (let i = 0; i < 5; i += 1)
      await world.write((tx) => world.app.queue.put(tx, { kind: 'job:test.hopeless', payload: { secret: '4829' } }))
    await world.app.queue.drain()
  })

  test('is listed newest first, page by page, without what it carries', async () => {
    const first = await dead('?limit=3')
    const second = await dead(`?limit=3&cursor=${first.body.nextCursor}`)
    const ids = idsOf([...first.body.items, ...second.body.items])
    expect(ids).toEqual([...new Set(ids)].sort((one, other) => other - one))
    expect([first.body.items.length, second.body.items.length, second.body.nextCursor]).toEqual([3, 2, null])
    expect(first.body.items[0]).toMatchObject({ kind: 'job:test.hopeless', attempts: 1, lastError: 'no use' })
    expect(JSON.stringify(first.body)).not.toContain('4829')
    expectProblem(await dead('?cursor=eA'), 400, 'cursor_invalid')
  })

  test('is tried again once, and the audit log says who wanted it', async () => {
    const [id] = idsOf((await dead()).body.items)
    const replay = (workId: number | undefined) =>
      world.call('POST', `${WORK}/dead/${workId}/replay`, { token: operator.token, body: {} })
    expect((await replay(id)).status).toBe(202)
    expect(idsOf((await dead()).body.items)).not.toContain(id as number)
    expectProblem(await replay(id), 404, 'work_not_found')
    const entries = await world.app.identity.auditLog.search({ action: 'work.replay', limit: 10 })
    expect(entries).toMatchObject([{ actor: operator.id, subject: String(id), outcome: 'allowed' }])
  })
})
