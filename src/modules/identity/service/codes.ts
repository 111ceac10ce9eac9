/**
 * One-time codes: six digits, five minutes, five tries, single use. Kept as a keyed hash bound to the person, the
 * purpose and the row. A code that was delayed still works after another was sent.
 */
import { and, desc, eq, gt, inArray, isNull, lt, sql } from 'drizzle-orm'
import type { Tx } from '../../../platform/db'
import { forUpdate } from '../../../platform/db/dialect'
import type { Events } from '../../../platform/events'
import type { Runtime } from '../../../platform/runtime'
import { sameHash } from '../../../platform/security/keyring'
import { codeIssued } from '../events'
import { oneTimeCodes } from '../schema'

export type CodePurpose = 'verify_email'

const DIGITS = 6
const LIFETIME_MS = 5 * 60_000
const TRIES = 5
const BETWEEN_SENDS_MS = 60_000
const BURST = { sends: 3, windowMs: 10 * 60_000 }
const DAILY = { sends: 10, windowMs: 24 * 3_600_000 }

export interface Codes {
  /** Makes a code and has it sent; does nothing if too many were sent lately. Answers whether one was made. */
  issue(tx: Tx, userId: string, purpose: CodePurpose, intent?: unknown): Promise<boolean>
  /** Spends the code and answers what it was issued for; nothing if it is wrong, used, expired, or guessed at too often. */
  redeem(tx: Tx, userId: string, purpose: CodePurpose, code: string): Promise<{ intent: unknown } | undefined>
}

export function createCodes({ clock, newId, random, keyring }: Runtime, events: Events): Codes {
  const hashOf = (id: string, userId: string, purpose: string, code: string) =>
    keyring.hash('one-time-code', id, userId, purpose, code)

  async function tooMany(tx: Tx, userId: string, purpose: CodePurpose): Promise<boolean> {
    const now = clock()
    const sent = await tx
      .select({ createdAt: oneTimeCodes.createdAt })
      .from(oneTimeCodes)
      .where(
        and(
          eq(oneTimeCodes.userId, userId),
          eq(oneTimeCodes.purpose, purpose),
          gt(oneTimeCodes.createdAt, now - DAILY.windowMs),
        ),
      )
      .orderBy(desc(oneTimeCodes.createdAt))
    const since = (ms: number) => sent.filter(({ createdAt }) => createdAt > now - ms).length
    return since(BETWEEN_SENDS_MS) > 0 || since(BURST.windowMs) >= BURST.sends || sent.length >= DAILY.sends
  }

  return {
    async issue(tx, userId, purpose, intent = null) {
      if (await tooMany(tx, userId, purpose)) return false
      const id = newId('otp')
      const code = randomDigits(random, DIGITS)
      const expiresAt = clock() + LIFETIME_MS
      await tx.insert(oneTimeCodes).values({
        id,
        userId,
        purpose,
        codeHash: hashOf(id, userId, purpose, code),
        failures: 0,
        intent,
        createdAt: clock(),
        expiresAt,
        usedAt: null,
      })
      await events.append(tx, codeIssued, userId, {
        userId,
        purpose,
        sealedCode: keyring.seal('code-in-transit', code),
        expiresAt,
      })
      return true
    },

    async redeem(tx, userId, purpose, code) {
      const now = clock()
      const open = await forUpdate(
        tx
          .select()
          .from(oneTimeCodes)
          .where(
            and(
              eq(oneTimeCodes.userId, userId),
              eq(oneTimeCodes.purpose, purpose),
              isNull(oneTimeCodes.usedAt),
              gt(oneTimeCodes.expiresAt, now),
              lt(oneTimeCodes.failures, TRIES),
            ),
          ),
      )
      if (open.length === 0) return undefined
      const ids = open.map(({ id }) => id)
      const right = open.find(({ id, codeHash }) => sameHash(codeHash, hashOf(id, userId, purpose, code)))
      await tx
        .update(oneTimeCodes)
        .set(right ? { usedAt: now } : { failures: sql`${oneTimeCodes.failures} + 1` })
        .where(inArray(oneTimeCodes.id, ids))
      return right && { intent: right.intent }
    },
  }
}

/** Evenly spread decimal digits: bytes of 250 and above are thrown away, or 0 to 5 would come more often. */
export function randomDigits(random: (bytes: number) => Uint8Array, digits: number): string {
  let text = ''
  while (text.length < digits) {
    for (const byte of random(digits * 2)) if (byte < 250 && text.length < digits) text += String(byte % 10)
  }
  return text
}
