/**
 * Authenticator apps: time-based one-time passwords (RFC 6238: SHA-1, 6 digits, 30 s). A code counts one step either
 * way, for clocks that differ; a step that was accepted is remembered, and neither it nor any before it counts again.
 */
import { and, eq, isNotNull } from 'drizzle-orm'
import { generateURI, ScureBase32Plugin, verifySync } from 'otplib'
import type { Db, Tx } from '../../../platform/db'
import { forUpdate } from '../../../platform/db/dialect'
import type { Runtime } from '../../../platform/runtime'
import { totpFactors } from '../schema'

const STEP_S = 30
const DIGITS = 6
/** 160 bits, as RFC 4226 recommends. */
const SECRET_BYTES = 20
const NEVER = -1
const base32 = new ScureBase32Plugin()

export interface NewTotp {
  /** Base32. */
  secret: string
  otpauthUri: string
}

export interface Totp {
  isSetUp(db: Db, userId: string): Promise<boolean>
  /** A fresh secret, which counts for nothing until a first code confirms it; one that waited before is replaced. */
  begin(tx: Tx, userId: string, label: string): Promise<NewTotp>
  /** Whether a secret waits and this code proves that the app has it. */
  confirm(tx: Tx, userId: string, code: string): Promise<'confirmed' | 'wrong' | 'absent'>
  /** Spends the code. */
  check(tx: Tx, userId: string, code: string): Promise<boolean>
  remove(tx: Tx, userId: string): Promise<void>
}

/**
 * The time step that the code belongs to, if it is one of the secret's at the moment, one step more or less, and later
 * than `after`.
 */
export function stepOf(secret: string, code: string, momentMs: number, after = NEVER): number | undefined {
  // The library throws on anything that is not six digits.
  if (!/^\d{6}$/.test(code)) return undefined
  const found = verifySync({
    secret,
    token: code,
    epoch: Math.floor(momentMs / 1000),
    epochTolerance: STEP_S,
    digits: DIGITS,
    period: STEP_S,
  })
  if (!found.valid || !('timeStep' in found) || found.timeStep <= after) return undefined
  return found.timeStep
}

export function createTotp({ clock, random, keyring }: Runtime, issuer: string): Totp {
  const open = (sealed: string) => keyring.open('totp-secret', sealed)

  async function lock(tx: Tx, userId: string) {
    const [row] = await forUpdate(tx.select().from(totpFactors).where(eq(totpFactors.userId, userId)))
    return row
  }

  /** The code's step is spent, whether or not what follows succeeds. */
  async function spend(tx: Tx, row: typeof totpFactors.$inferSelect, code: string): Promise<boolean> {
    const step = stepOf(open(row.sealedSecret), code.replaceAll(/\s/g, ''), clock(), row.lastStep)
    if (step === undefined) return false
    await tx.update(totpFactors).set({ lastStep: step }).where(eq(totpFactors.userId, row.userId))
    return true
  }

  return {
    async isSetUp(db, userId) {
      const [row] = await db
        .select({ userId: totpFactors.userId })
        .from(totpFactors)
        .where(and(eq(totpFactors.userId, userId), isNotNull(totpFactors.confirmedAt)))
      return row !== undefined
    },

    async begin(tx, userId, label) {
      const secret = base32.encode(random(SECRET_BYTES))
      const row = {
        userId,
        sealedSecret: keyring.seal('totp-secret', secret),
        lastStep: NEVER,
        createdAt: clock(),
        confirmedAt: null,
      }
      await tx.insert(totpFactors).values(row).onConflictDoUpdate({ target: totpFactors.userId, set: row })
      return { secret, otpauthUri: generateURI({ issuer, label, secret }) }
    },

    async confirm(tx, userId, code) {
      const row = await lock(tx, userId)
      if (!row || row.confirmedAt !== null) return 'absent'
      if (!(await spend(tx, row, code))) return 'wrong'
      await tx.update(totpFactors).set({ confirmedAt: clock() }).where(eq(totpFactors.userId, userId))
      return 'confirmed'
    },

    async check(tx, userId, code) {
      const row = await lock(tx, userId)
      return row !== undefined && row.confirmedAt !== null && (await spend(tx, row, code))
    },

    async remove(tx, userId) {
      await tx.delete(totpFactors).where(eq(totpFactors.userId, userId))
    },
  }
}
