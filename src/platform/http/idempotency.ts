/**
 * A money request with an `Idempotency-Key` is executed once. Its answer is written in the transaction of its effect; a
 * repeat gets that answer, the same key with another body is refused, and one that arrives while the first is under way
 * is told so. A refusal has no effect and is not remembered, so the key may be tried again.
 *
 * Nearly every key is new, so nothing is looked up first: the primary key of the answer is the judge. A repeat runs into
 * it and is undone as a whole, or is refused by the rules; either way the stored answer is looked for, and found.
 */
import { and, asc, eq, inArray, lt } from 'drizzle-orm'
import { type Changes, prepared, type Tx, type Unit } from '../db'
import { ok, type Result } from '../result'
import type { Runtime } from '../runtime'
import { pathOf, principalOf } from './context'
import { httpProblem } from './problem'
import { idempotencyKeys } from './schema'

/** `store.write`, or the same with the answer kept beside the effect. */
export type Write = <Value, Code extends string>(unit: Unit<Result<Value, Code>>) => Promise<Result<Value, Code>>

export interface Idempotency {
  /**
   * Runs `work` with a `Write` that remembers what its unit answers, under the request's key if it has one.
   * `sealed` keeps the answer encrypted, because it holds a secret.
   */
  run<Value, Code extends string>(
    request: Request,
    body: unknown,
    work: (write: Write) => Promise<Result<Value, Code>>,
    options?: { sealed?: boolean },
  ): Promise<Result<Value, Code>>
  /** Forgets the answers older than the moment; answers how many. */
  prune(before: number): Promise<number>
}

const KEY_FORM = /^[\x21-\x7e]{1,255}$/
const SEALED = 'sealed:'
const PRUNE_AT_ONCE = 2_000

type Stored = typeof idempotencyKeys.$inferSelect

const find = prepared<{ key: string; principalId: string }, Stored[]>('idempotency_find', (db, $) =>
  db
    .select()
    .from(idempotencyKeys)
    .where(and(eq(idempotencyKeys.key, $('key')), eq(idempotencyKeys.principalId, $('principalId')))),
)

const keep = prepared<Stored, Changes>('idempotency_keep', (db, $) =>
  db
    .insert(idempotencyKeys)
    .values({
      key: $('key'),
      principalId: $('principalId'),
      fingerprint: $('fingerprint'),
      body: $('body'),
      createdAt: $('createdAt'),
    } as never)
    .onConflictDoNothing(),
)

/** The key was executed before: undo, and answer what was answered then. */
class AnsweredBefore extends Error {}

export function createIdempotency({ store, clock, keyring }: Runtime): Idempotency {
  const inFlight = new Set<string>()

  function read<Value>(stored: Stored, fingerprint: string): Result<Value, never> {
    if (stored.fingerprint !== fingerprint) throw httpProblem('idempotency_key_reused')
    const { body } = stored
    return ok(JSON.parse(body.startsWith(SEALED) ? keyring.open('idempotency', body.slice(SEALED.length)) : body))
  }

  function writer(key: string, principalId: string, fingerprint: string, sealed: boolean): Write {
    return (unit) =>
      store.write(async (tx: Tx) => {
        const result = await unit(tx)
        if (!result.ok) return result
        const plain = JSON.stringify(result.value)
        const body = sealed ? SEALED + keyring.seal('idempotency', plain) : plain
        const { changes } = await keep(tx, { key, principalId, fingerprint, body, createdAt: clock() })
        if (changes === 0) throw new AnsweredBefore()
        return result
      })
  }

  return {
    async run<Value, Code extends string>(
      request: Request,
      body: unknown,
      work: (write: Write) => Promise<Result<Value, Code>>,
      { sealed = false } = {},
    ): Promise<Result<Value, Code>> {
      const key = request.headers.get('idempotency-key')
      if (key === null) return work((unit) => store.write(unit))
      if (!KEY_FORM.test(key)) throw httpProblem('idempotency_key_invalid')
      const principalId = principalOf(request).userId
      const fingerprint = keyring.hash(
        'idempotency',
        request.method,
        pathOf(request.url),
        JSON.stringify(sorted(body)) ?? '',
      )
      const flight = `${principalId} ${key}`
      if (inFlight.has(flight)) throw httpProblem('idempotency_key_in_flight')
      inFlight.add(flight)
      const stored = async () => {
        const [found] = await find(store.read, { key, principalId })
        return found && read<Value>(found, fingerprint)
      }
      try {
        const result = await work(writer(key, principalId, fingerprint, sealed))
        // A refusal may come of the very request having been executed before: then its answer is the answer.
        return result.ok ? result : ((await stored()) ?? result)
      } catch (error) {
        if (!(error instanceof AnsweredBefore)) throw error
        const answer = await stored()
        if (!answer) throw httpProblem('idempotency_key_in_flight')
        return answer
      } finally {
        inFlight.delete(flight)
      }
    },

    async prune(before) {
      const old = await store.read
        .select({ key: idempotencyKeys.key })
        .from(idempotencyKeys)
        .where(lt(idempotencyKeys.createdAt, before))
        .orderBy(asc(idempotencyKeys.createdAt))
        .limit(PRUNE_AT_ONCE)
      if (old.length === 0) return 0
      await store.write(async (tx) => {
        const keys = old.map(({ key }) => key)
        await tx
          .delete(idempotencyKeys)
          .where(and(inArray(idempotencyKeys.key, keys), lt(idempotencyKeys.createdAt, before)))
      })
      return old.length
    },
  }
}

/** The same members in the same order, whatever order the client sent them in. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, sorted(member)]),
  )
}
