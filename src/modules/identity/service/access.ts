/** Where a person is signed in and from which devices, as they see it, and how they end it. */
import { and, eq, isNull } from 'drizzle-orm'
import { iso } from '../../../platform/moment'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import { sessions as sessionTable } from '../schema'
import type { Audit } from './audit'
import type { Devices } from './devices'
import type { Sessions } from './sessions'

export interface SessionView {
  id: string
  kind: string
  clientId: string | null
  current: boolean
  methods: string[]
  address: string | null
  userAgent: string | null
  createdAt: string
  lastUsedAt: string
  expiresAt: string
}

export interface DeviceView {
  id: string
  name: string
  remembered: boolean
  createdAt: string
  lastSeenAt: string
}

export interface Access {
  sessions(userId: string, currentId: string): Promise<SessionView[]>
  endSession(userId: string, sessionId: string, address: string): Promise<Result<true, 'session_not_found'>>
  endAllSessions(userId: string, address: string): Promise<void>
  devices(userId: string): Promise<DeviceView[]>
  /** Ends the device's sessions too. */
  forgetDevice(userId: string, deviceId: string, address: string): Promise<Result<true, 'device_not_found'>>
}

export function createAccess(
  { store, clock }: Runtime,
  { sessions, devices, audit }: { sessions: Sessions; devices: Devices; audit: Audit },
): Access {
  return {
    async sessions(userId, currentId) {
      const open = await sessions.list(userId)
      return open.map((session) => ({
        id: session.id,
        kind: session.kind,
        clientId: session.clientId,
        current: session.id === currentId,
        methods: session.methods as string[],
        address: session.address,
        userAgent: session.userAgent,
        createdAt: iso(session.createdAt),
        lastUsedAt: iso(session.lastUsedAt),
        expiresAt: iso(session.expiresAt),
      }))
    },

    async endSession(userId, sessionId, address) {
      const open = await sessions.list(userId)
      if (!open.some(({ id }) => id === sessionId)) return fail('session_not_found')
      await store.write(async (tx) => {
        await sessions.revoke(tx, [sessionId], 'ended_by_owner')
        const detail = { sessionId }
        await audit(tx, { actor: userId, action: 'session.end', subject: userId, outcome: 'allowed', address, detail })
      })
      return ok(true)
    },

    endAllSessions: (userId, address) =>
      store.write(async (tx) => {
        await sessions.revokeAll(tx, userId, 'ended_by_owner', { keepKeys: true })
        await devices.distrustAll(tx, userId)
        await audit(tx, { actor: userId, action: 'session.end_all', subject: userId, outcome: 'allowed', address })
      }),

    async devices(userId) {
      const known = await devices.list(userId)
      return known.map(({ id, name, rememberedUntil, createdAt, lastSeenAt }) => ({
        id,
        name,
        remembered: rememberedUntil > clock(),
        createdAt: iso(createdAt),
        lastSeenAt: iso(lastSeenAt),
      }))
    },

    forgetDevice: (userId, deviceId, address) =>
      store.write(async (tx): Promise<Result<true, 'device_not_found'>> => {
        if (!(await devices.forget(tx, userId, deviceId))) return fail('device_not_found')
        const open = await tx
          .select({ id: sessionTable.id })
          .from(sessionTable)
          .where(and(eq(sessionTable.deviceId, deviceId), isNull(sessionTable.revokedAt)))
        await sessions.revoke(
          tx,
          open.map(({ id }) => id),
          'device_forgotten',
        )
        const detail = { deviceId }
        await audit(tx, {
          actor: userId,
          action: 'device.forget',
          subject: userId,
          outcome: 'allowed',
          address,
          detail,
        })
        return ok(true)
      }),
  }
}
