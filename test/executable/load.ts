/**
 * Many workers that send money to and fro, and a memory of what each was answered. After whatever befell the executable,
 * the memory is compared with the books: what was answered is there once, what was not is there at most once, and
 * nothing else is there.
 */
import { expect } from 'bun:test'
import { type Running, runVerb } from '../support/executable'
import { balanceOf, call, DEMO, post, signIn, statementOf } from './api'

export interface Person {
  id: string
  token: string
  /** What they had before the first transfer. */
  money: number
}

interface Attempt {
  key: string
  from: Person
  to: Person
  amount: number
  /** The id of the transfer, once it was answered. */
  id?: string
}

export interface Refusal {
  status: number
  code: string
}

const MONEY = 50_000
const REFUSED_PAUSE_MS = 100
const REFUSED_CONNECTION = /^(ConnectionRefused|ECONNREFUSED)$/

/** The demo customers and some more, whom the operator makes and the agent funds. */
export async function gatherPeople(base: string, more: number): Promise<Person[]> {
  const operator = await signIn(base, DEMO.operator)
  const agent = await signIn(base, DEMO.agent)
  const emails: string[] = [...DEMO.customers]
  for (let i = 0; i < more; i++) {
    const email = `sender${i}@example.com`
    const person = { name: `Sender ${i}`, email, password: DEMO.password, pin: DEMO.pin, role: 'customer' }
    expect(await post(base, '/api/v1/users', person, operator.accessToken)).toMatchObject({ status: 201 })
    const cashIn = { to: email, amount: MONEY }
    expect(await post(base, '/api/v1/agents/me/cash-in', cashIn, agent.accessToken)).toMatchObject({ status: 201 })
    emails.push(email)
  }
  const people: Person[] = []
  for (const email of emails) {
    const { accessToken, user } = await signIn(base, email)
    people.push({ id: user.id, token: accessToken, money: (await balanceOf(base, accessToken)).balance })
  }
  return people
}

export type Load = ReturnType<typeof createLoad>

export function createLoad(people: Person[], workers = 32) {
  const attempts: Attempt[] = []
  /** The ids that each key was answered with: one, however often it is sent. */
  const ids = new Map<string, Set<string>>()
  const refusals: Refusal[] = []
  /** How requests ended that were neither answered nor refused a connection. */
  const cut: string[] = []
  let run = 0

  function newAttempt(): Attempt {
    const from = people[Math.floor(Math.random() * people.length)] as Person
    const others = people.filter((person) => person !== from)
    const to = others[Math.floor(Math.random() * others.length)] as Person
    const attempt = { key: crypto.randomUUID(), from, to, amount: 1 + Math.floor(Math.random() * 9) }
    attempts.push(attempt)
    return attempt
  }

  async function send(base: string, attempt: Attempt): Promise<'done' | 'refused' | 'unanswered'> {
    const { key, from, to, amount } = attempt
    try {
      const { status, body } = await call(base, 'POST', '/api/v1/wallet/me/transfer', {
        token: from.token,
        headers: { 'idempotency-key': key },
        body: { to: to.id, amount, pin: DEMO.pin },
      })
      if (status === 201) ids.set(key, (ids.get(key) ?? new Set()).add(body.id))
      if (status === 201) attempt.id ??= body.id
      else refusals.push({ status, code: body.code })
      return status === 201 ? 'done' : 'refused'
    } catch (error) {
      const { code = 'unknown' } = error as { code?: string }
      if (!REFUSED_CONNECTION.test(code)) cut.push(code)
      return 'unanswered'
    }
  }

  const unanswered = () => attempts.filter(({ id }) => id === undefined)
  const answered = () => attempts.filter(({ id }) => id !== undefined)

  async function outgoing(base: string, person: Person): Promise<string[]> {
    const rows = await statementOf(base, person.token)
    return rows.filter(({ type, amount }) => type === 'transfer' && amount < 0).map(({ id }) => id)
  }

  /** Each person sends once and is answered, so that their PIN is known before the crowd comes. */
  async function warmUp(base: string): Promise<void> {
    for (const from of people) {
      const attempt = newAttempt()
      attempt.from = from
      attempt.to = people.find((person) => person !== from) as Person
      expect(await send(base, attempt)).toBe('done')
    }
  }

  return {
    refusals,
    cut,
    answered,
    unanswered,
    warmUp,

    /** Sets the workers going. Each ends when it is cut off, or when it is told to. */
    start(base: string): { stop(): Promise<void> } {
      run += 1
      const mine = run
      const worker = async () => {
        while (run === mine) {
          const outcome = await send(base, newAttempt())
          if (outcome === 'unanswered') return
          // Whoever is refused comes back a little later, as a client would.
          if (outcome === 'refused') await Bun.sleep(REFUSED_PAUSE_MS)
        }
      }
      const working = Array.from({ length: workers }, worker)
      return {
        async stop() {
          if (run === mine) run += 1
          await Promise.all(working)
        },
      }
    },

    /** Sends every key that was not answered until it is, and once more: both tell the same id. */
    async settle(base: string): Promise<void> {
      await warmUp(base)
      refusals.length = 0
      const owing = unanswered()
      const next = owing.values()
      const worker = async () => {
        for (const attempt of next) {
          for (let tries = 1; tries <= 20 && (await send(base, attempt)) === 'refused'; tries++) {
            await Bun.sleep(REFUSED_PAUSE_MS)
          }
          await send(base, attempt)
        }
      }
      await Promise.all(Array.from({ length: workers }, worker))
      expect(refusals.filter(({ code }) => code !== 'database_busy')).toEqual([])
      expect(unanswered()).toEqual([])
      expect(owing.filter(({ key }) => ids.get(key)?.size !== 1)).toEqual([])
    },

    /** Each answered transfer is in its sender’s statement exactly once. */
    async expectNothingLost(base: string): Promise<void> {
      for (const person of people) {
        const times = new Map<string, number>()
        for (const id of await outgoing(base, person)) times.set(id, (times.get(id) ?? 0) + 1)
        const wrong = answered().filter(({ from, id }) => from === person && times.get(id as string) !== 1)
        expect(wrong).toEqual([])
      }
    },

    /** The statements hold the answered transfers and no other, and every balance is what follows from them. */
    async expectNothingElse(base: string): Promise<void> {
      for (const person of people) {
        const sent = answered().filter(({ from }) => from === person)
        const received = answered().filter(({ to }) => to === person)
        expect((await outgoing(base, person)).sort()).toEqual(sent.map(({ id }) => id as string).sort())
        const sum = (of: Attempt[]) => of.reduce((total, { amount }) => total + amount, 0)
        expect((await balanceOf(base, person.token)).balance).toBe(person.money - sum(sent) + sum(received))
      }
    },
  }
}

/** The books are true, as the verb that proves them says while the executable serves. */
export async function expectTrueBooks(cwd: string, args: string[]): Promise<void> {
  const { code, out, err } = await runVerb(['verify-ledger', ...args], { cwd })
  expect({ code, err, out }).toEqual({ code: 0, err: '', out: expect.stringContaining('all true') })
}

/** The process still lives. */
export function expectAlive(server: Running): void {
  expect(server.process.exitCode).toBeNull()
}
