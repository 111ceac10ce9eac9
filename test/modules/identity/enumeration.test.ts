/** What a stranger can learn from the answers and from the work behind them: nothing of who has an account. */
import { afterAll, beforeAll, describe, expect, spyOn, test } from 'bun:test'
import { sql } from 'drizzle-orm'
import { auditLog, oneTimeCodes } from '../../../src/modules/identity/schema'
import { work } from '../../../src/platform/queue/schema'
import { expectProblem } from '../../acceptance/answers'
import { type Answer, createWorld, PASSWORD, type World } from '../../support/world'
import { type Acts, actsIn, MINUTE } from './acts'

let world: World
let acts: Acts
let people = 0

beforeAll(async () => {
  world = await createWorld()
  acts = actsIn(world)
})
afterAll(() => world.end())

const STATES = ['active', 'frozen', 'pending_verification', 'closed'] as const

/** Addresses of accounts in every state, and of none. */
async function addresses(): Promise<string[]> {
  const known = await Promise.all(STATES.map((status) => acts.account({ status })))
  return [...known.map(({ email }) => email), `nobody${++people}@example.com`]
}

/** What the outside sees of an answer, without what differs between any two. */
function seen({ status, headers, body }: Answer) {
  const { requestId: _, ...rest } = body ?? {}
  return { status, headers: [...headers.keys()].sort(), body: rest }
}

async function expectAlike(act: (email: string) => Promise<Answer>): Promise<void> {
  const answers: ReturnType<typeof seen>[] = []
  for (const email of await addresses()) answers.push(seen(await act(email)))
  for (const answer of answers) expect(answer).toEqual(answers[0] as ReturnType<typeof seen>)
}

/** How many rows each of the tables that a request writes to has. */
async function rowsWritten(act: () => Promise<unknown>): Promise<Record<string, number>> {
  const { read, rows } = world.runtime.store
  const tables = { events: sql`events`, work: sql`${work}`, codes: sql`${oneTimeCodes}`, audit: sql`${auditLog}` }
  const count = async () => {
    const all: Record<string, number> = {}
    for (const [name, table] of Object.entries(tables)) {
      const [row] = await rows<{ n: number }>(read, sql`select count(*) as n from ${table}`)
      all[name] = Number(row?.n)
    }
    return all
  }
  await world.app.settle()
  const before = await count()
  await act()
  const after = await count()
  return Object.fromEntries(Object.keys(tables).map((name) => [name, (after[name] ?? 0) - (before[name] ?? 0)]))
}

describe('the answer is the same for every address', () => {
  test('to a wrong password', async () => {
    await expectAlike((email) => acts.login(email, 'not the password'))
  })

  test('to a forgotten password', async () => {
    await expectAlike((email) => acts.post('/forgot-password', { email }))
  })

  test('to a wish for another code', async () => {
    await expectAlike((email) => acts.post('/resend-verification', { email }))
  })

  test('to a wrong code', async () => {
    await expectAlike((email) => acts.post('/verify-email', { email, code: '123456' }))
  })

  test('to a registration, but for the id, which is the same each time for one address', async () => {
    const answers: Answer[] = []
    for (const email of await addresses()) {
      const body = { name: 'N', email, password: PASSWORD }
      const [first, second] = [await acts.post('/register', body), await acts.post('/register', body)]
      expect(second.body.user).toEqual(first.body.user)
      expect(first.body.user).toEqual({
        id: expect.stringMatching(/^usr_[0-9a-z]{20}$/),
        status: 'pending_verification',
      })
      answers.push(first)
    }
    for (const { status } of answers) expect(status).toBe(201)
  })

  test('also when the password is refused', async () => {
    await expectAlike((email) => acts.post('/register', { name: 'N', email, password: 'password123' }))
  })

  test('the id of a registration is made of the address alone, whether there is an account or not', async () => {
    const email = (await acts.account()).email
    const elsewhere = await createWorld()
    const ids: string[] = []
    for (const post of [acts.post, actsIn(elsewhere).post])
      ids.push((await post('/register', { name: 'N', email, password: PASSWORD })).body.user.id)
    await elsewhere.end()
    expect(ids[0]).toBe(ids[1] as string)
  })

  test('an id of a registration tells nothing of when the account was made', async () => {
    const register = (email: string) => acts.post('/register', { name: 'N', email, password: PASSWORD })
    const first = (await register('early@example.com')).body.user.id
    world.clock.advance(10 * MINUTE)
    const later = (await register('later@example.com')).body.user.id
    expect((await register('early@example.com')).body.user.id).toBe(first)
    expect(first.slice(4, 12)).not.toBe(later.slice(4, 12))
  })
})

describe('the work is the same for known and unknown addresses', () => {
  const computed = async (act: () => Promise<unknown>): Promise<number> => {
    const [hash, verify] = [spyOn(Worker.prototype, 'postMessage'), spyOn(Bun.password, 'verify')]
    const before = hash.mock.calls.length + verify.mock.calls.length
    await act()
    const after = hash.mock.calls.length + verify.mock.calls.length
    return after - before
  }

  test('a sign-in computes Argon2 once', async () => {
    // The first of all makes the hash that stands in for none.
    await acts.login('warm-up@example.com', 'not the password')
    for (const email of await addresses()) expect(await computed(() => acts.login(email, 'not the password'))).toBe(1)
  })

  test('a registration computes it once', async () => {
    for (const email of await addresses()) {
      const body = { name: 'N', email, password: PASSWORD }
      expect(await computed(() => acts.post('/register', body))).toBe(1)
    }
  })

  test.each<[string, (email: string) => Promise<Answer>]>([
    ['a sign-in', (email) => acts.login(email, 'not the password')],
    ['a forgotten password', (email) => acts.post('/forgot-password', { email })],
    ['a wish for another code', (email) => acts.post('/resend-verification', { email })],
    ['a registration', (email) => acts.post('/register', { name: 'N', email, password: PASSWORD })],
  ])('%s writes as many rows', async (_, act) => {
    const written: Array<Record<string, number>> = []
    for (const email of await addresses()) written.push(await rowsWritten(() => act(email)))
    for (const rows of written) expect(rows).toEqual(written[0] as Record<string, number>)
  })

  test('a mail is put in after the answer: the request itself sends none', async () => {
    const { email } = await acts.account()
    const before = world.app.inbox?.list().length
    await acts.post('/forgot-password', { email })
    await acts.post('/register', { name: 'N', email, password: PASSWORD })
    expect(world.app.inbox?.list().length).toBe(before)
    expect((await world.mailTo(email)).length).toBe(2)
  })
})

describe('addresses that look alike', () => {
  const register = (email: string) => acts.post('/register', { name: 'N', email, password: PASSWORD })

  test('are accounts of their own when they are other letters', async () => {
    const ids = new Set<string>()
    for (const email of [
      'mia@example.com',
      'mıa@example.com',
      'míа@example.com',
      'miа@example.com',
      'rnia@example.com',
    ])
      ids.add((await register(email)).body.user.id)
    expect(ids.size).toBe(5)
  })

  test('are one account when they are the same letters written otherwise', async () => {
    const ids = new Set<string>()
    for (const email of [
      'Kim@example.com',
      'KIM@EXAMPLE.COM',
      'ｋｉｍ@example.com',
      'kim@ｅxample.com',
      '\u212aim@example.com',
    ])
      ids.add((await register(email)).body.user.id)
    expect(ids.size).toBe(1)
  })
})

describe('what a stranger writes', () => {
  test.each(['A\r\nBcc: x@y.example', 'A\nSubject: x', 'A\u202eB', 'A\u0000', '\u2028', '   ', '\u200b'])(
    'the name %p is refused',
    async (name) => {
      const body = { name, email: 'injected@example.com', password: PASSWORD }
      expectProblem(await acts.post('/register', body), 422, 'validation_failed')
      const { token } = await acts.somebody()
      expectProblem(
        await world.call('PATCH', '/api/v1/auth/profile', { token, body: { name } }),
        422,
        'validation_failed',
      )
    },
  )

  test('does not get to the address of somebody else by our mail', async () => {
    const email = 'not-asked@example.com'
    await acts.post('/register', { name: 'Win 5000 at https://evil.example/win', email, password: PASSWORD })
    const mails = await world.mailTo(email)
    expect(mails.length).toBeGreaterThan(0)
    for (const { subject, text } of mails) expect(`${subject} ${text}`).not.toContain('evil.example')
  })

  test('does not flood the address of somebody who has an account', async () => {
    const { email } = await acts.account()
    for (let i = 0; i < 10; i++) await acts.post('/register', { name: 'N', email, password: PASSWORD })
    expect((await world.mailTo(email)).length).toBeLessThanOrEqual(3)
  })
})
