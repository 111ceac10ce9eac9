/**
 * Devices that a person signs in from. A device keeps a random token; one that keeps none is known again by its network
 * address and what it says it is, which is enough not to announce it anew but never enough to skip a second factor.
 */
import { and, desc, eq, inArray, lt } from 'drizzle-orm'
import type { Db, Tx } from '../../../platform/db'
import type { Runtime } from '../../../platform/runtime'
import { hashOfToken, newToken } from '../../../platform/security/tokens'
import { devices } from '../schema'
import type { Origin } from './sessions'

const REMEMBERED_MS = 30 * 24 * 3_600_000
const FORGOTTEN_AFTER_MS = 400 * 24 * 3_600_000
const MOST_KEPT = 50
const NAME_LENGTH = 200

export type Device = typeof devices.$inferSelect

export interface Devices {
  /** The device that this token, or else this origin, belongs to. */
  find(db: Db, userId: string, origin: Origin, token: string | undefined): Promise<Device | undefined>
  /** Whether it is the device of this token and is trusted to need no second factor now. */
  isRemembered(device: Device | undefined, token: string | undefined): boolean
  /** Notes the sign-in. A new device, or one that is to be remembered, gets a token. */
  seen(
    tx: Tx,
    userId: string,
    known: Device | undefined,
    origin: Origin & { deviceToken: string | undefined },
    remember: boolean,
  ): Promise<{ deviceId: string; isNew: boolean; token: string | undefined }>
  list(userId: string): Promise<Device[]>
  count(tx: Tx, userId: string): Promise<number>
  forget(tx: Tx, userId: string, deviceId: string): Promise<boolean>
  /** After the password or a factor changed, no device is trusted any more. */
  distrustAll(tx: Tx, userId: string): Promise<void>
  eraseOf(tx: Tx, userId: string): Promise<void>
  prune(): Promise<number>
}

export function createDevices({ store, clock, newId, random, keyring }: Runtime): Devices {
  const fingerprintOf = (userId: string, { address, userAgent }: Origin) =>
    keyring.hash('device-fingerprint', userId, address, userAgent)

  return {
    async find(db, userId, origin, token) {
      const all = await db.select().from(devices).where(eq(devices.userId, userId)).orderBy(desc(devices.lastSeenAt))
      const hash = token === undefined ? undefined : hashOfToken(token)
      const fingerprint = fingerprintOf(userId, origin)
      return all.find(({ tokenHash }) => tokenHash === hash) ?? all.find((each) => each.fingerprint === fingerprint)
    },

    isRemembered: (device, token) =>
      device !== undefined &&
      token !== undefined &&
      device.tokenHash === hashOfToken(token) &&
      device.rememberedUntil > clock(),

    async seen(tx, userId, known, origin, remember) {
      const now = clock()
      const rememberedUntil = remember ? now + REMEMBERED_MS : 0
      const fingerprint = fingerprintOf(userId, origin)
      if (known && !remember) {
        await tx.update(devices).set({ lastSeenAt: now, fingerprint }).where(eq(devices.id, known.id))
        return { deviceId: known.id, isNew: false, token: undefined }
      }
      const token = newToken(random)
      const tokenHash = hashOfToken(token)
      // One that was known by its looks only may be another one of the same kind, which keeps its own token.
      const isItself = origin.deviceToken !== undefined && known?.tokenHash === hashOfToken(origin.deviceToken)
      if (known && isItself) {
        const changes = { lastSeenAt: now, fingerprint, tokenHash, rememberedUntil }
        await tx.update(devices).set(changes).where(eq(devices.id, known.id))
        return { deviceId: known.id, isNew: false, token }
      }
      const deviceId = newId('dev')
      await tx.insert(devices).values({
        id: deviceId,
        userId,
        tokenHash,
        fingerprint,
        name: origin.userAgent.slice(0, NAME_LENGTH),
        createdAt: now,
        lastSeenAt: now,
        rememberedUntil,
      })
      await dropOldest(tx, userId)
      return { deviceId, isNew: known === undefined, token }
    },

    list: (userId) =>
      store.read.select().from(devices).where(eq(devices.userId, userId)).orderBy(desc(devices.lastSeenAt)),

    async count(tx, userId) {
      return (await tx.select({ id: devices.id }).from(devices).where(eq(devices.userId, userId))).length
    },

    async forget(tx, userId, deviceId) {
      const which = and(eq(devices.id, deviceId), eq(devices.userId, userId))
      const [found] = await tx.select({ id: devices.id }).from(devices).where(which)
      if (!found) return false
      await tx.delete(devices).where(which)
      return true
    },

    async distrustAll(tx, userId) {
      await tx.update(devices).set({ rememberedUntil: 0 }).where(eq(devices.userId, userId))
    },

    async eraseOf(tx, userId) {
      await tx.delete(devices).where(eq(devices.userId, userId))
    },

    prune: () =>
      store.write(async (tx) => {
        const old = await tx
          .select({ id: devices.id })
          .from(devices)
          .where(lt(devices.lastSeenAt, clock() - FORGOTTEN_AFTER_MS))
          .limit(MOST_KEPT)
        const ids = old.map(({ id }) => id)
        if (ids.length > 0) await tx.delete(devices).where(inArray(devices.id, ids))
        return ids.length
      }),
  }

  async function dropOldest(tx: Tx, userId: string): Promise<void> {
    const all = await tx
      .select({ id: devices.id })
      .from(devices)
      .where(eq(devices.userId, userId))
      .orderBy(desc(devices.lastSeenAt))
    const surplus = all.slice(MOST_KEPT).map(({ id }) => id)
    if (surplus.length > 0) await tx.delete(devices).where(inArray(devices.id, surplus))
  }
}
