/**
 * One-time codes by e-mail and SMS: six digits, five minutes, five tries, single use. Kept as a keyed hash bound to the
 * person, the purpose and the row. A code that was delayed still works after another was sent. How many are sent is
 * bounded for each person and purpose, and for each phone number whoever asks (SMS pumping costs the operator money), other
 * programs of the house among them.
 */
import { and, desc, eq, gt, inArray, isNull, lt, sql } from 'drizzle-orm'
import type { Tx } from '../../../platform/db'
import { forUpdate } from '../../../platform/db/dialect'
import type { Events } from '../../../platform/events'
import { firstIdAt } from '../../../platform/ids'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import { sameHash } from '../../../platform/security/keyring'
import { type CodeChannel, type CodePurpose, codeIssued } from '../events'
import { codeSends, oneTimeCodes } from '../schema'

const DIGITS = 6
const LIFETIME_MS = 5 * 60_000
const TRIES = 5
const BETWEEN_SENDS_MS = 60_000
const BURST = { sends: 3, windowMs: 10 * 60_000 }
const DAILY = { sends: 10, windowMs: 24 * 3_600_000 }
const PRUNE_AT_ONCE = 1_000

export interface CodeOf {
  userId: string
  /** `decoy` is none: it is counted like a code, but is sent nowhere and fits nothing. */
  purpose: CodePurpose | 'decoy'
  channel: CodeChannel
  /** The number that an SMS goes to. */
  phone?: string | undefined
  /** Where it goes, if that is not the user’s own address. */
  addressId?: string | undefined
  /** What whoever asked for the code wants done once it is redeemed. */
  intent?: unknown
}

export interface Codes {
  /** Makes a code and has it sent; does nothing if too many were sent lately. Answers whether one was made. */
  issue(tx: Tx, of: CodeOf): Promise<boolean>
  /** Counts a code that another program made, unless too many went to the address lately; `retryAfter` is in seconds. */
  countSend(tx: Tx, address: string): Promise<Result<true, 'code_sent_too_often'>>
  /** Spends the code and answers what it was issued for; nothing if it is wrong, used, expired, or guessed at too often. */
  redeem(
    tx: Tx,
    userId: string,
    purpose: CodePurpose,
    code: string,
    /** Only one that came this way. */
    channel?: CodeChannel,
  ): Promise<{ intent: unknown } | undefined>
  /** Makes every open code of the person worth nothing. */
  kill(tx: Tx, userId: string, purposes?: readonly CodePurpose[]): Promise<void>
  eraseOf(tx: Tx, userId: string): Promise<void>
  /** Deletes those that no limit looks at any more. */
  prune(): Promise<number>
}

export function createCodes({ store, clock, newId, random, keyring }: Runtime, events: Events): Codes {
  const hashOf = (id: string, userId: string, purpose: string, code: string) =>
    keyring.hash('one-time-code', id, userId, purpose, code)

  const destinationOf = (address: string) => keyring.hash('code-destination', address.toLowerCase())

  /** How long until another may be sent; 0: now. Of what was sent within a day, newest first. */
  function waitMs(sent: ReadonlyArray<{ createdAt: number }>): number {
    const until = (sends: number, windowMs: number) => (sent[sends - 1]?.createdAt ?? -windowMs) + windowMs
    const free = Math.max(until(1, BETWEEN_SENDS_MS), ...[BURST, DAILY].map((each) => until(each.sends, each.windowMs)))
    return Math.max(0, free - clock())
  }

  const tooMany = (sent: ReadonlyArray<{ createdAt: number }>) => waitMs(sent) > 0

  const sentTo = (tx: Tx, which: ReturnType<typeof eq>) =>
    tx
      .select({ createdAt: oneTimeCodes.createdAt })
      .from(oneTimeCodes)
      .where(and(which, gt(oneTimeCodes.createdAt, clock() - DAILY.windowMs)))
      .orderBy(desc(oneTimeCodes.createdAt))

  /** Whoever had it sent. */
  async function sentThere(tx: Tx, destination: string): Promise<Array<{ createdAt: number }>> {
    const byOthers = await tx
      .select({ createdAt: codeSends.createdAt })
      .from(codeSends)
      .where(and(eq(codeSends.destination, destination), gt(codeSends.createdAt, clock() - DAILY.windowMs)))
    const ours = await sentTo(tx, eq(oneTimeCodes.destination, destination))
    return [...ours, ...byOthers].toSorted((one, other) => other.createdAt - one.createdAt)
  }

  /** Deletes rows of before that no limit looks at any more; answers how many. */
  const pruneOf = (rows: typeof oneTimeCodes | typeof codeSends) =>
    store.write(async (tx) => {
      const old = await tx
        .select({ id: rows.id })
        .from(rows)
        .where(lt(rows.id, firstIdAt('otp', clock() - 2 * DAILY.windowMs)))
        .limit(PRUNE_AT_ONCE)
      const ids = old.map(({ id }) => id)
      if (ids.length > 0) await tx.delete(rows).where(inArray(rows.id, ids))
      return ids.length
    })

  return {
    async issue(tx, { userId, purpose, channel, phone, addressId, intent = null }) {
      const ofPerson = and(
        eq(oneTimeCodes.userId, userId),
        eq(oneTimeCodes.purpose, purpose),
        eq(oneTimeCodes.channel, channel),
      ) as ReturnType<typeof eq>
      if (tooMany(await sentTo(tx, ofPerson))) return false
      const destination = phone === undefined ? null : destinationOf(phone)
      if (destination !== null && tooMany(await sentThere(tx, destination))) return false
      const id = newId('otp')
      const code = randomDigits(random, DIGITS)
      const expiresAt = clock() + LIFETIME_MS
      await tx.insert(oneTimeCodes).values({
        id,
        userId,
        purpose,
        channel,
        destination,
        codeHash: hashOf(id, userId, purpose, code),
        failures: 0,
        intent,
        createdAt: clock(),
        expiresAt,
        usedAt: null,
      })
      if (purpose === 'decoy') return true
      await events.append(tx, codeIssued, userId, {
        userId,
        purpose,
        channel,
        addressId: addressId ?? null,
        sealedCode: keyring.seal('code-in-transit', code),
        expiresAt,
      })
      return true
    },

    async countSend(tx, address) {
      const destination = destinationOf(address)
      const wait = waitMs(await sentThere(tx, destination))
      if (wait > 0) return fail('code_sent_too_often', undefined, { retryAfter: Math.ceil(wait / 1000) })
      await tx.insert(codeSends).values({ id: newId('otp'), destination, createdAt: clock() })
      return ok(true)
    },

    async redeem(tx, userId, purpose, given, channel) {
      const now = clock()
      const code = given.replaceAll(/[\s-]/g, '')
      const open = await forUpdate(
        tx
          .select()
          .from(oneTimeCodes)
          .where(
            and(
              eq(oneTimeCodes.userId, userId),
              eq(oneTimeCodes.purpose, purpose),
              channel === undefined ? undefined : eq(oneTimeCodes.channel, channel),
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
        .set(right ? { usedAt: now, intent: null } : { failures: sql`${oneTimeCodes.failures} + 1` })
        .where(inArray(oneTimeCodes.id, ids))
      return right && { intent: right.intent }
    },

    async kill(tx, userId, purposes) {
      await tx
        .update(oneTimeCodes)
        .set({ usedAt: clock(), intent: null })
        .where(
          and(
            eq(oneTimeCodes.userId, userId),
            isNull(oneTimeCodes.usedAt),
            purposes === undefined ? undefined : inArray(oneTimeCodes.purpose, [...purposes]),
          ),
        )
    },

    async eraseOf(tx, userId) {
      await tx.delete(oneTimeCodes).where(eq(oneTimeCodes.userId, userId))
    },

    prune: async () => (await pruneOf(oneTimeCodes)) + (await pruneOf(codeSends)),
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
