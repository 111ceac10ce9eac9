/**
 * What somebody was asked to prove and has not yet: the second factor of a sign-in, or a passkey. A challenge lives ten
 * minutes, is answered once, and is gone after five wrong answers.
 */
import { and, eq, gt, inArray, isNull, lt, sql } from 'drizzle-orm'
import type { Tx } from '../../../platform/db'
import { forUpdate } from '../../../platform/db/dialect'
import type { Runtime } from '../../../platform/runtime'
import { challenges } from '../schema'

const LIFETIME_MS = 10 * 60_000
const TRIES = 5
const NONCE_BYTES = 32
const PRUNE_AT_ONCE = 1_000

export type ChallengeKind = 'sign_in' | 'passkey_sign_in' | 'passkey_step_up' | 'passkey_registration'
export type ChallengeRow = typeof challenges.$inferSelect

export interface NewChallenge {
  kind: ChallengeKind
  userId?: string
  methods?: readonly string[]
}

export interface Challenges {
  open(challenge: NewChallenge): Promise<{ id: string; nonce: string }>
  /** The challenge, if it still waits for an answer. */
  find(id: string, kind: ChallengeKind): Promise<ChallengeRow | undefined>
  /** Ends it and answers it, if it still waited. For one that gets a single answer. */
  take(id: string, kind: ChallengeKind, userId?: string): Promise<ChallengeRow | undefined>
  /** Within a unit: whether it still waited; it does not any more. */
  settle(tx: Tx, id: string): Promise<boolean>
  /** Within a unit: whether it still waits. */
  waits(tx: Tx, id: string): Promise<boolean>
  /** Counts a wrong answer; the challenge waits for the next, if it may. */
  wrong(tx: Tx, id: string): Promise<void>
  /** Ends what the person has not answered yet. */
  kill(tx: Tx, userId: string): Promise<void>
  prune(): Promise<number>
}

export function createChallenges({ store, clock, newId, random }: Runtime): Challenges {
  const waiting = (id: string) =>
    and(
      eq(challenges.id, id),
      isNull(challenges.usedAt),
      gt(challenges.expiresAt, clock()),
      lt(challenges.failures, TRIES),
    )

  async function waits(tx: Tx, id: string): Promise<boolean> {
    const [found] = await forUpdate(tx.select({ id: challenges.id }).from(challenges).where(waiting(id)))
    return found !== undefined
  }

  async function settle(tx: Tx, id: string): Promise<boolean> {
    if (!(await waits(tx, id))) return false
    await tx.update(challenges).set({ usedAt: clock() }).where(eq(challenges.id, id))
    return true
  }

  async function find(id: string, kind: ChallengeKind): Promise<ChallengeRow | undefined> {
    const [row] = await store.read.select().from(challenges).where(waiting(id))
    return row?.kind === kind ? row : undefined
  }

  return {
    async open({ kind, userId, methods = [] }) {
      const id = newId('chl')
      const nonce = Buffer.from(random(NONCE_BYTES)).toString('base64url')
      const row: ChallengeRow = {
        id,
        kind,
        userId: userId ?? null,
        methods,
        nonce,
        failures: 0,
        createdAt: clock(),
        expiresAt: clock() + LIFETIME_MS,
        usedAt: null,
      }
      await store.write(async (tx) => {
        await tx.insert(challenges).values(row)
      })
      return { id, nonce }
    },

    find,

    async take(id, kind, userId) {
      const row = await find(id, kind)
      if (!row || (userId !== undefined && row.userId !== userId)) return undefined
      return (await store.write((tx) => settle(tx, id))) ? row : undefined
    },

    waits,
    settle,

    async wrong(tx, id) {
      await tx
        .update(challenges)
        .set({ failures: sql`${challenges.failures} + 1` })
        .where(eq(challenges.id, id))
    },

    async kill(tx, userId) {
      await tx
        .update(challenges)
        .set({ usedAt: clock() })
        .where(and(eq(challenges.userId, userId), isNull(challenges.usedAt)))
    },

    prune: () =>
      store.write(async (tx) => {
        const old = await tx
          .select({ id: challenges.id })
          .from(challenges)
          .where(lt(challenges.expiresAt, clock()))
          .limit(PRUNE_AT_ONCE)
        const ids = old.map(({ id }) => id)
        if (ids.length > 0) await tx.delete(challenges).where(inArray(challenges.id, ids))
        return ids.length
      }),
  }
}
