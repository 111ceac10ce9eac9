/**
 * Terminals that guess. Every wrong token counts against the agent or ATM that typed it; five in a row lock it for five
 * minutes, and each further one doubles the lock. A right token clears the count.
 */
import { eq } from 'drizzle-orm'
import type { Tx } from '../../platform/db'
import { forUpdate } from '../../platform/db/dialect'
import { type Failure, fail } from '../../platform/result'
import type { Runtime } from '../../platform/runtime'
import type { Audit } from '../identity'
import { terminalLocks } from './schema'

const TRIES = 5
const LOCK_MS = 5 * 60_000
const LONGEST_LOCK_MS = 24 * 3_600_000

export interface Terminals {
  /** Seconds until the terminal’s lock ends; 0 if it has none. */
  lockedFor(tx: Tx, terminalId: string): Promise<number>
  wrongToken(tx: Tx, terminalId: string): Promise<Failure<'token_unknown' | 'terminal_locked'>>
  rightToken(tx: Tx, terminalId: string): Promise<void>
}

export function createTerminals({ clock }: Runtime, audit: Audit): Terminals {
  async function read(tx: Tx, terminalId: string) {
    const [row] = await forUpdate(tx.select().from(terminalLocks).where(eq(terminalLocks.terminalId, terminalId)))
    return row ?? { terminalId, failures: 0, lockedUntil: 0 }
  }

  const secondsUntil = (moment: number) => Math.max(0, Math.ceil((moment - clock()) / 1000))

  return {
    lockedFor: async (tx, terminalId) => secondsUntil((await read(tx, terminalId)).lockedUntil),

    async wrongToken(tx, terminalId) {
      const failures = (await read(tx, terminalId)).failures + 1
      const lockMs = failures < TRIES ? 0 : Math.min(LONGEST_LOCK_MS, LOCK_MS * 2 ** (failures - TRIES))
      const lockedUntil = lockMs === 0 ? 0 : clock() + lockMs
      await tx
        .insert(terminalLocks)
        .values({ terminalId, failures, lockedUntil })
        .onConflictDoUpdate({ target: terminalLocks.terminalId, set: { failures, lockedUntil } })
      if (lockMs > 0) {
        const entry = { actor: terminalId, action: 'terminal.lock', subject: terminalId, detail: { failures } }
        await audit(tx, { ...entry, outcome: 'refused' })
        return fail('terminal_locked', undefined, { retryAfter: secondsUntil(lockedUntil) })
      }
      return fail('token_unknown', undefined, { triesLeft: TRIES - failures })
    },

    async rightToken(tx, terminalId) {
      await tx.delete(terminalLocks).where(eq(terminalLocks.terminalId, terminalId))
    },
  }
}
