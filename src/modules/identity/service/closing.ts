/**
 * A person's own data: seeing all of it, and leaving. Every module that keeps something about people says so here, how
 * to show it, whether it stands in the way of closing, and what of it goes.
 *
 * What goes at closing: everything that lets anybody sign in or recognizes devices, and free texts. Name and addresses
 * are kept sealed for as long as the law asks (the FATF's Recommendation 11 says five years at least) and are then erased.
 * What stays: the books and the audit log, which know the person only by an id.
 */
import { eq, inArray, lt } from 'drizzle-orm'
import type { Tx } from '../../../platform/db'
import type { Events } from '../../../platform/events'
import { iso } from '../../../platform/moment'
import { ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import { securityChanged } from '../events'
import { apiKeys, closedAccounts, passwordResets } from '../schema'
import type { Addresses } from './addresses'
import type { Audit, AuditLog } from './audit'
import type { Codes } from './codes'
import type { Devices } from './devices'
import type { SecondFactors } from './second-factors'
import type { Sessions } from './sessions'
import { type User, type Users, type UserView, userView } from './users'

export interface PersonalData {
  /** The member of the export under which it stands. */
  name: string
  export(userId: string): Promise<unknown>
  /** Why the account cannot be closed yet. */
  mayClose?(tx: Tx, userId: string): Promise<Result<true, 'money_left'>>
  erase?(tx: Tx, userId: string): Promise<void>
}

export interface ClosedIdentity {
  name: string
  email: string
  phone: string | null
}

export interface Closing {
  keeps(data: PersonalData): void
  export(user: User): Promise<{ profile: UserView; [part: string]: unknown }>
  close(user: User, address: string): Promise<Result<true, 'money_left'>>
  /** Who a closed account belonged to, while that is kept. */
  identityOf(userId: string): Promise<(ClosedIdentity & { closedAt: number; eraseAt: number }) | undefined>
  /** Erases what need not be kept any longer. */
  eraseDue(): Promise<number>
}

export interface ClosingParts {
  users: Users
  sessions: Sessions
  devices: Devices
  factors: SecondFactors
  codes: Codes
  addresses: Addresses
  events: Events
  log: AuditLog
}

const AUDIT_ROWS = 1_000
const ERASE_AT_ONCE = 100

export function createClosing(
  { store, clock, keyring }: Runtime,
  { users, sessions, devices, factors, codes, addresses, events, log }: ClosingParts,
  options: { keptMs: number },
): Closing {
  const kept: PersonalData[] = []
  const audit: Audit = log.audit

  async function ownExport(user: User): Promise<{ profile: UserView; [part: string]: unknown }> {
    return {
      profile: userView(user),
      secondFactors: await factors.factors(user),
      sessions: await sessions.list(user.id),
      devices: (await devices.list(user.id)).map(({ id, name, createdAt, lastSeenAt }) => ({
        id,
        name,
        createdAt,
        lastSeenAt,
      })),
      auditLog: await log.search({ subject: user.id, limit: AUDIT_ROWS }),
    }
  }

  /** The last messages still find the address that was just left. */
  async function sayGoodbye(tx: Tx, user: User): Promise<void> {
    const addressId = await addresses.keep(tx, user.id, user.email)
    await events.append(tx, securityChanged, user.id, { userId: user.id, change: 'account_closed', addressId })
  }

  async function forget(tx: Tx, user: User): Promise<void> {
    await sessions.revokeAll(tx, user.id, 'closed')
    await devices.eraseOf(tx, user.id)
    await factors.eraseOf(tx, user.id)
    await codes.eraseOf(tx, user.id)
    await addresses.eraseOf(tx, user.id)
    await tx.delete(apiKeys).where(eq(apiKeys.userId, user.id))
    await tx.delete(passwordResets).where(eq(passwordResets.userId, user.id))
    for (const { erase } of kept) await erase?.(tx, user.id)
  }

  return {
    keeps: (data) => {
      kept.push(data)
    },

    async export(user) {
      const parts = await Promise.all(kept.map(async (data) => [data.name, await data.export(user.id)] as const))
      return { exportedAt: iso(clock()), ...(await ownExport(user)), ...Object.fromEntries(parts) }
    },

    close: (user, address) =>
      store.write(async (tx): Promise<Result<true, 'money_left'>> => {
        for (const { mayClose } of kept) {
          const allowed = await mayClose?.(tx, user.id)
          if (allowed && !allowed.ok) return allowed
        }
        const { name, email, phone } = user
        const closedAt = clock()
        const sealedIdentity = keyring.seal('closed-account', JSON.stringify({ name, email, phone }))
        await forget(tx, user)
        await tx
          .insert(closedAccounts)
          .values({ userId: user.id, sealedIdentity, closedAt, eraseAt: closedAt + options.keptMs })
        await users.change(tx, user.id, {
          name: 'Closed account',
          email: '',
          emailKey: `closed:${user.id}`,
          phone: null,
          phoneVerifiedAt: null,
          status: 'closed',
          passwordHash: '',
          pinHash: null,
          codeFactors: [],
          updatedAt: closedAt,
        })
        await sayGoodbye(tx, user)
        await audit(tx, { actor: user.id, action: 'user.close', subject: user.id, outcome: 'allowed', address })
        return ok(true)
      }),

    async identityOf(userId) {
      const [row] = await store.read.select().from(closedAccounts).where(eq(closedAccounts.userId, userId))
      if (!row) return undefined
      const identity = JSON.parse(keyring.open('closed-account', row.sealedIdentity)) as ClosedIdentity
      return { ...identity, closedAt: row.closedAt, eraseAt: row.eraseAt }
    },

    eraseDue: () =>
      store.write(async (tx) => {
        const due = await tx
          .select({ userId: closedAccounts.userId })
          .from(closedAccounts)
          .where(lt(closedAccounts.eraseAt, clock()))
          .limit(ERASE_AT_ONCE)
        const ids = due.map(({ userId }) => userId)
        if (ids.length > 0) await tx.delete(closedAccounts).where(inArray(closedAccounts.userId, ids))
        for (const id of ids)
          await audit(tx, { actor: 'system', action: 'user.erase', subject: id, outcome: 'allowed' })
        return ids.length
      }),
  }
}
