/**
 * How a person wants to be told: language, time zone, quiet hours, what not to be told by what, and what to be told
 * once in a while instead of each time. None of it holds for security.
 */
import { eq } from 'drizzle-orm'
import { Temporal } from 'temporal-polyfill'
import { prepared, type Tx } from '../../../platform/db'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import { isTimeZone } from '../../../platform/time-zone'
import type { Medium } from '../channels/channel'
import { notificationPreferences } from '../schema'
import type { Category, Language } from '../templates/template'

export type Digest = 'hourly' | 'daily'
export type Mutable = Exclude<Category, 'security'>

export interface Preferences {
  language: Language
  timeZone: string
  /** Minutes after local midnight; absent: none. */
  quiet: { from: number; to: number } | null
  muted: Partial<Record<Mutable, Medium[]>>
  digests: Partial<Record<Mutable, Digest>>
}

/** Only what is named changes, category by category; `null` ends a digest. */
export interface PreferenceChanges extends Partial<Omit<Preferences, 'digests'>> {
  digests?: Partial<Record<Mutable, Digest | null>>
}

export type PreferenceFault = 'time_zone_unknown' | 'quiet_hours_empty'

export interface PreferenceStore {
  of(userId: string | null): Promise<Preferences>
  change(userId: string, changes: PreferenceChanges): Promise<Result<Preferences, PreferenceFault>>
  /** No more of this category by this medium. */
  mute(userId: string, category: Mutable, medium: Medium): Promise<void>
  eraseOf(tx: Tx, userId: string): Promise<void>
}

type Row = typeof notificationPreferences.$inferSelect

const DAILY_AT_HOUR = 8

const selectOf = prepared<{ userId: string }, Row[]>('preferences_of', (db, $) =>
  db
    .select()
    .from(notificationPreferences)
    .where(eq(notificationPreferences.userId, $('userId'))),
)

export function createPreferences(
  { store, clock }: Runtime,
  defaults: { language: Language; timeZone: string },
): PreferenceStore {
  const none: Preferences = { ...defaults, quiet: null, muted: {}, digests: {} }

  function fromRow(row: Row | undefined): Preferences {
    if (!row) return none
    const { language, timeZone, quietFrom, quietTo, muted, digests } = row
    return {
      language: (language as Language | null) ?? defaults.language,
      timeZone: timeZone ?? defaults.timeZone,
      quiet: quietFrom === null || quietTo === null ? null : { from: quietFrom, to: quietTo },
      muted: muted as Preferences['muted'],
      digests: digests as Preferences['digests'],
    }
  }

  async function save(
    tx: Tx,
    userId: string,
    { language, timeZone, quiet, muted, digests }: Preferences,
  ): Promise<void> {
    const values = {
      language,
      timeZone,
      quietFrom: quiet?.from ?? null,
      quietTo: quiet?.to ?? null,
      muted,
      digests,
      updatedAt: clock(),
    }
    await tx
      .insert(notificationPreferences)
      .values({ userId, ...values })
      .onConflictDoUpdate({ target: notificationPreferences.userId, set: values })
  }

  return {
    of: async (userId) => (userId === null ? none : fromRow((await selectOf(store.read, { userId }))[0])),

    change(userId, changes) {
      if (changes.timeZone !== undefined && !isTimeZone(changes.timeZone))
        return Promise.resolve(fail('time_zone_unknown'))
      // It might mean none, or all day.
      if (changes.quiet && changes.quiet.from === changes.quiet.to) return Promise.resolve(fail('quiet_hours_empty'))
      return store.write(async (tx): Promise<Result<Preferences, PreferenceFault>> => {
        const before = fromRow((await selectOf(tx, { userId }))[0])
        const preferences: Preferences = {
          ...before,
          ...changes,
          muted: { ...before.muted, ...changes.muted },
          digests: withoutNulls({ ...before.digests, ...changes.digests }),
        }
        await save(tx, userId, preferences)
        return ok(preferences)
      })
    },

    mute: (userId, category, medium) =>
      store.write(async (tx) => {
        const preferences = fromRow((await selectOf(tx, { userId }))[0])
        const already = preferences.muted[category] ?? []
        const muted = { ...preferences.muted, [category]: [...new Set([...already, medium])] }
        await save(tx, userId, { ...preferences, muted })
      }),

    async eraseOf(tx, userId) {
      await tx.delete(notificationPreferences).where(eq(notificationPreferences.userId, userId))
    },
  }
}

function withoutNulls(digests: Partial<Record<Mutable, Digest | null>>): Preferences['digests'] {
  return Object.fromEntries(Object.entries(digests).filter(([, digest]) => digest)) as Preferences['digests']
}

const zoned = (moment: number, timeZone: string) =>
  Temporal.Instant.fromEpochMilliseconds(moment).toZonedDateTimeISO(timeZone)

/** When the quiet hours end in which the moment lies; nothing if it lies in none. They may go over midnight. */
export function quietUntil(moment: number, { quiet, timeZone }: Preferences): number | undefined {
  if (!quiet) return undefined
  const local = zoned(moment, timeZone)
  const minute = local.hour * 60 + local.minute
  const overMidnight = quiet.from > quiet.to
  const inside = overMidnight ? minute >= quiet.from || minute < quiet.to : minute >= quiet.from && minute < quiet.to
  if (!inside) return undefined
  const day = overMidnight && minute >= quiet.from ? local.add({ days: 1 }) : local
  const end = day.toPlainDate().toPlainDateTime({ hour: Math.floor(quiet.to / 60), minute: quiet.to % 60 })
  // Of an hour that comes twice the second counts: an end that has passed would be none.
  return end.toZonedDateTime(timeZone, { disambiguation: 'later' }).epochMilliseconds
}

/** When what is gathered now is sent: at the next full hour, or at eight in the morning. */
export function digestAt(moment: number, digest: Digest, timeZone: string): number {
  const local = zoned(moment, timeZone)
  if (digest === 'hourly') {
    return local.round({ smallestUnit: 'hour', roundingMode: 'floor' }).add({ hours: 1 }).epochMilliseconds
  }
  const today = local.withPlainTime({ hour: DAILY_AT_HOUR })
  return (today.epochMilliseconds > moment ? today : today.add({ days: 1 })).epochMilliseconds
}
