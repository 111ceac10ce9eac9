/**
 * Browsers and phones that a person lets us push to, and the endpoint of their own to which events are posted. Their
 * addresses and keys let anybody send to them, so they are kept sealed.
 */
import { and, asc, eq, inArray } from 'drizzle-orm'
import { prepared, type Tx } from '../../../platform/db'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import type { PushTarget, WebhookTarget } from '../channels/channel'
import { targets } from '../schema'

export type TargetKind = 'web' | 'fcm' | 'webhook'

export interface TargetView {
  id: string
  kind: TargetKind
  name: string
  createdAt: string
}

export interface NewPushTarget {
  kind: 'web' | 'fcm'
  address: string
  keys?: { p256dh: string; auth: string } | undefined
  name: string
}

export interface Targets {
  kindsOf(userId: string): Promise<{ push: boolean; webhook: boolean }>
  pushOf(userId: string): Promise<PushTarget[]>
  webhookOf(userId: string): Promise<WebhookTarget | undefined>
  list(userId: string): Promise<TargetView[]>
  /** The same address again takes the place of what was known of it, whoever had it. */
  addPush(userId: string, target: NewPushTarget): Promise<Result<TargetView, 'too_many_targets'>>
  /** One endpoint a person; the secret is shown this once. */
  setWebhook(userId: string, url: string): Promise<TargetView & { url: string; secret: string }>
  remove(userId: string, id: string): Promise<Result<true, 'target_not_found'>>
  /** Forgets those that a provider says are gone. */
  forget(tx: Tx, ids: readonly string[]): Promise<void>
  eraseOf(tx: Tx, userId: string): Promise<void>
}

type TargetRow = typeof targets.$inferSelect

interface Sealed {
  address: string
  keys?: { p256dh: string; auth: string }
  secret?: string
}

const PUSH_TARGETS = 20
const SECRET_BYTES = 32
const SEAL = 'notification-target'

const kindsOfUser = prepared<{ userId: string }, Array<{ kind: string }>>('target_kinds', (db, $) =>
  db
    .select({ kind: targets.kind })
    .from(targets)
    .where(eq(targets.userId, $('userId'))),
)

export function createTargets({ store, clock, newId, random, keyring }: Runtime): Targets {
  const opened = ({ sealed }: TargetRow) => JSON.parse(keyring.open(SEAL, sealed)) as Sealed

  const ofUser = (userId: string) =>
    store.read.select().from(targets).where(eq(targets.userId, userId)).orderBy(asc(targets.createdAt))

  async function keep(tx: Tx, userId: string, kind: TargetKind, name: string, sealed: Sealed): Promise<TargetRow> {
    const row = {
      id: newId('tgt'),
      userId,
      kind,
      addressHash: keyring.hash(SEAL, sealed.address, kind === 'webhook' ? userId : ''),
      sealed: keyring.seal(SEAL, JSON.stringify(sealed)),
      name,
      createdAt: clock(),
    }
    await tx.delete(targets).where(eq(targets.addressHash, row.addressHash))
    await tx.insert(targets).values(row)
    return row
  }

  return {
    async kindsOf(userId) {
      const kinds = await kindsOfUser(store.read, { userId })
      return {
        push: kinds.some(({ kind }) => kind !== 'webhook'),
        webhook: kinds.some(({ kind }) => kind === 'webhook'),
      }
    },

    async pushOf(userId) {
      const rows = await ofUser(userId)
      return rows
        .filter(({ kind }) => kind !== 'webhook')
        .map((row) => {
          const { address, keys } = opened(row)
          return { id: row.id, kind: row.kind as 'web' | 'fcm', address, ...(keys ? { keys } : {}) }
        })
    },

    async webhookOf(userId) {
      const row = (await ofUser(userId)).find(({ kind }) => kind === 'webhook')
      if (!row) return undefined
      const { address, secret = '' } = opened(row)
      return { id: row.id, url: address, secret }
    },

    list: async (userId) => (await ofUser(userId)).map(targetView),

    addPush: (userId, { kind, address, keys, name }) =>
      store.write(async (tx): Promise<Result<TargetView, 'too_many_targets'>> => {
        const row = await keep(tx, userId, kind, name, { address, ...(keys ? { keys } : {}) })
        const mine = await tx.select({ kind: targets.kind }).from(targets).where(eq(targets.userId, userId))
        if (mine.filter((each) => each.kind !== 'webhook').length <= PUSH_TARGETS) return ok(targetView(row))
        await tx.delete(targets).where(eq(targets.id, row.id))
        return fail('too_many_targets')
      }),

    setWebhook: (userId, url) => {
      const secret = `whsec_${Buffer.from(random(SECRET_BYTES)).toString('base64')}`
      return store.write(async (tx) => {
        await tx.delete(targets).where(and(eq(targets.userId, userId), eq(targets.kind, 'webhook')))
        const row = await keep(tx, userId, 'webhook', new URL(url).host, { address: url, secret })
        return { ...targetView(row), url, secret }
      })
    },

    remove: (userId, id) =>
      store.write(async (tx): Promise<Result<true, 'target_not_found'>> => {
        const gone = await tx
          .delete(targets)
          .where(and(eq(targets.id, id), eq(targets.userId, userId)))
          .returning({ id: targets.id })
        return gone.length > 0 ? ok(true) : fail('target_not_found')
      }),

    async forget(tx, ids) {
      if (ids.length > 0) await tx.delete(targets).where(inArray(targets.id, [...ids]))
    },

    async eraseOf(tx, userId) {
      await tx.delete(targets).where(eq(targets.userId, userId))
    },
  }
}

function targetView({ id, kind, name, createdAt }: TargetRow): TargetView {
  return { id, kind: kind as TargetKind, name, createdAt: new Date(createdAt).toISOString() }
}
