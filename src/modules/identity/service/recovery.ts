/**
 * Passwords: how they are changed by whoever knows the old one, and reset by whoever reads the account's mail. A reset
 * link works once, for half an hour; it signs nobody in, so it never gets round a second factor, and it ends every
 * session and key. Asking for one answers at once and alike for every address: the work is done by a job.
 */
import { and, eq, gt, isNull, lt } from 'drizzle-orm'
import type { Db, Tx } from '../../../platform/db'
import type { Events } from '../../../platform/events'
import type { Jobs } from '../../../platform/jobs'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import { newToken } from '../../../platform/security/tokens'
import { passwordResetAsked, securityChanged } from '../events'
import { passwordResets } from '../schema'
import type { Audit } from './audit'
import type { Challenges } from './challenges'
import type { Codes } from './codes'
import { isCommonPassword } from './common-passwords'
import type { Devices } from './devices'
import { hashSecret, verifySecret } from './passwords'
import type { Sessions } from './sessions'
import type { User, Users } from './users'

const LIFETIME_MS = 30 * 60_000
const BETWEEN_MAILS_MS = 60_000
const A_DAY = { mails: 10, ms: 24 * 3_600_000 }
const ATTEMPTS = 3

export type NewPasswordCode = 'password_common'

export interface Recovery {
  /** The hash of a password that may be chosen. */
  accept(password: string, about?: { email?: string; name?: string }): Promise<Result<string, NewPasswordCode>>
  forgot(email: string): Promise<void>
  reset(
    token: string,
    password: string,
    address: string,
  ): Promise<Result<true, NewPasswordCode | 'reset_token_invalid'>>
  change(
    user: User,
    input: { currentPassword: string; newPassword: string; sessionId: string; address: string },
  ): Promise<Result<true, NewPasswordCode | 'password_wrong'>>
  /** Within a unit: the new hash, and the end of everything that the old password had let in. */
  replace(tx: Tx, user: User, passwordHash: string, reason: string): Promise<void>
  prune(): Promise<number>
}

/** Links that were mailed before are worth nothing any more. */
export async function killResetLinks(tx: Tx, userId: string, now: number): Promise<void> {
  await tx
    .update(passwordResets)
    .set({ usedAt: now })
    .where(and(eq(passwordResets.userId, userId), isNull(passwordResets.usedAt)))
}

export interface RecoveryParts {
  challenges: Challenges
  users: Users
  sessions: Sessions
  devices: Devices
  codes: Codes
  events: Events
  jobs: Jobs
  audit: Audit
}

export function createRecovery(
  { store, clock, random, keyring }: Runtime,
  { users, sessions, challenges, devices, codes, events, jobs, audit }: RecoveryParts,
): Recovery {
  const hashOf = (token: string) => keyring.hash('password-reset', token)

  const sendLink = jobs.define<{ sealedEmail: string; askedAt: number }>({
    name: 'identity.send_reset_link',
    attempts: ATTEMPTS,
    run: async ({ sealedEmail, askedAt }) => {
      if (askedAt + LIFETIME_MS <= clock()) return undefined
      return (tx) => issueLink(tx, keyring.open('reset-email', sealedEmail), askedAt + LIFETIME_MS)
    },
  })

  async function issueLink(tx: Tx, email: string, expiresAt: number): Promise<void> {
    const user = await users.byEmail(tx, email)
    if (user?.status !== 'active' || (await tooMany(tx, user.id))) return
    const token = newToken(random)
    await tx
      .insert(passwordResets)
      .values({ hash: hashOf(token), userId: user.id, createdAt: clock(), expiresAt, usedAt: null })
    const sealedToken = keyring.seal('code-in-transit', token)
    await events.append(tx, passwordResetAsked, user.id, { userId: user.id, sealedToken, expiresAt })
    await audit(tx, { actor: 'unknown', action: 'password.forgot', subject: user.id, outcome: 'allowed' })
  }

  async function tooMany(tx: Tx, userId: string): Promise<boolean> {
    const today = await tx
      .select({ createdAt: passwordResets.createdAt })
      .from(passwordResets)
      .where(and(eq(passwordResets.userId, userId), gt(passwordResets.createdAt, clock() - A_DAY.ms)))
    return today.length >= A_DAY.mails || today.some(({ createdAt }) => createdAt > clock() - BETWEEN_MAILS_MS)
  }

  async function accept(
    password: string,
    about?: { email?: string; name?: string },
  ): Promise<Result<string, NewPasswordCode>> {
    if (await isCommonPassword(password, about)) return fail('password_common')
    return ok(await hashSecret(password))
  }

  async function replace(tx: Tx, user: User, passwordHash: string, reason: string): Promise<void> {
    await users.change(tx, user.id, { passwordHash, passwordFailures: 0, updatedAt: clock() })
    await sessions.revokeAll(tx, user.id, reason)
    await devices.distrustAll(tx, user.id)
    await codes.kill(tx, user.id)
    await killResetLinks(tx, user.id, clock())
    await challenges.kill(tx, user.id)
    await events.append(tx, securityChanged, user.id, { userId: user.id, change: 'password_changed' })
  }

  /** The owner of an open link. */
  async function ownerOf(db: Db, token: string): Promise<User | undefined> {
    const [row] = await db
      .select()
      .from(passwordResets)
      .where(
        and(
          eq(passwordResets.hash, hashOf(token)),
          isNull(passwordResets.usedAt),
          gt(passwordResets.expiresAt, clock()),
        ),
      )
    const user = row && (await users.byIdIn(db, row.userId))
    return user?.status === 'active' ? user : undefined
  }

  return {
    accept,
    replace,

    forgot: (email) =>
      store.write((tx) => sendLink(tx, { sealedEmail: keyring.seal('reset-email', email), askedAt: clock() })),

    async reset(token, password, address) {
      const accepted = await accept(password, await ownerOf(store.read, token))
      if (!accepted.ok) return accepted
      return store.write(async (tx): Promise<Result<true, NewPasswordCode | 'reset_token_invalid'>> => {
        const user = await ownerOf(tx, token)
        if (!user) return fail('reset_token_invalid')
        await replace(tx, user, accepted.value, 'password_reset')
        await audit(tx, { actor: user.id, action: 'password.reset', subject: user.id, outcome: 'allowed', address })
        return ok(true)
      })
    },

    async change(user, { currentPassword, newPassword, sessionId, address }) {
      const right = await verifySecret(currentPassword, user.passwordHash)
      const accepted = right ? await accept(newPassword, user) : undefined
      if (accepted && !accepted.ok) return accepted
      await store.write(async (tx) => {
        const outcome = accepted ? 'allowed' : 'refused'
        await audit(tx, { actor: user.id, action: 'password.change', subject: user.id, outcome, address })
        if (!accepted) return
        await users.change(tx, user.id, { passwordHash: accepted.value, passwordFailures: 0, updatedAt: clock() })
        await sessions.revokeAll(tx, user.id, 'password_changed', { except: sessionId, keepKeys: true })
        await devices.distrustAll(tx, user.id)
        await killResetLinks(tx, user.id, clock())
        await challenges.kill(tx, user.id)
        await events.append(tx, securityChanged, user.id, { userId: user.id, change: 'password_changed' })
      })
      return right ? ok(true) : fail('password_wrong')
    },

    prune: () =>
      store.write(async (tx) => {
        const old = lt(passwordResets.createdAt, clock() - A_DAY.ms)
        const rows = await tx.select({ hash: passwordResets.hash }).from(passwordResets).where(old)
        if (rows.length > 0) await tx.delete(passwordResets).where(old)
        return 0
      }),
  }
}
