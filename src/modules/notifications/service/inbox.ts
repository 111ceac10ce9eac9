/**
 * A person's own inbox: the notifications that are no secret, in words of the person's language, read or not. Whoever
 * looks on live is told of new ones at once; another copy of the process may have written them, so they are also looked
 * for once a second.
 */
import { and, desc, eq, gte, inArray, isNull, lte, type SQL, sql } from 'drizzle-orm'
import { count } from '../../../platform/db/dialect'
import { iso, isoOrNull } from '../../../platform/moment'
import { fail, ok, type Result } from '../../../platform/result'
import type { Runtime } from '../../../platform/runtime'
import { notifications } from '../schema'
import type { Compose } from './compose'
import type { NotificationRow } from './outbox'
import type { PreferenceStore } from './preferences'

export interface InboxItem {
  id: string
  template: string
  category: string
  title: string
  text: string
  about: string
  readAt: string | null
  /** When it came: what was put off came when it was due. */
  createdAt: string
}

/** A place in the inbox. */
export interface InboxPosition {
  at: number
  id: string
}

export interface PersonalInbox {
  /** Newest first, from there on. */
  list(
    userId: string,
    options: { unread: boolean; limit: number; after?: InboxPosition | undefined },
  ): Promise<InboxItem[]>
  /** What came after the item, oldest first, the latest so many; nothing if there is no such item. */
  since(userId: string, id: string, limit: number): Promise<InboxItem[]>
  unread(userId: string): Promise<number>
  read(userId: string, id: string): Promise<Result<InboxItem, 'notification_not_found'>>
  /** Answers how many were unread. */
  readAll(userId: string): Promise<number>
  /** Tells of every new item until it is ended. */
  watch(
    userId: string,
    tell: (item: InboxItem, unread: number) => void,
    giveWay: () => void,
    since?: number,
  ): () => void
  /** Looks for new items for whoever looks on. */
  look(): Promise<void>
  /** Ends all watching, because the process ends. */
  close(): void
  onClose(act: () => void): () => void
}

interface Watcher {
  userId: string
  tell: (item: InboxItem, unread: number) => void
  giveWay: () => void
  /** What was there before is no news. */
  since: number
  /** What it was told of lately. */
  told: Set<string>
}

/** In the words of the partial indexes: a parameter would not let them be used. */
const isInApp = sql`${notifications.inApp}`
const isUnread = sql`${notifications.inApp} and ${notifications.readAt} is null`

/** Compared as a whole, so that an index serves. */
const position = sql`(${notifications.dueAt}, ${notifications.id})`
const isAfter = ({ at, id }: InboxPosition): SQL => sql`${position} < (${at}, ${id})`
const isBefore = ({ at, id }: InboxPosition): SQL => sql`${position} > (${at}, ${id})`

const LOOK_MS = 1_000
/** A row that another copy wrote may be seen some seconds after later ones. */
const LOOK_BACK_MS = 10_000
const READ_AT_ONCE = 500
const LOOK_AT_ONCE = 500
/** Tabs and phones of one person that look on at a time; the oldest gives way. */
const WATCHERS_EACH = 5

export function createPersonalInbox(
  { store, clock, log }: Runtime,
  { compose, preferences }: { compose: Compose; preferences: PreferenceStore },
): PersonalInbox {
  const watchers = new Set<Watcher>()
  const endings = new Set<() => void>()
  let timer: ReturnType<typeof setInterval> | undefined

  async function view(rows: NotificationRow[], userId: string): Promise<InboxItem[]> {
    const { language, timeZone } = await preferences.of(userId)
    const items: InboxItem[] = []
    for (const row of rows) {
      const { subject, short } = await compose.words(row, language, timeZone)
      items.push({
        id: row.id,
        template: row.template,
        category: row.category,
        title: subject,
        text: short,
        about: row.about,
        readAt: isoOrNull(row.readAt),
        createdAt: iso(row.dueAt),
      })
    }
    return items
  }

  /** What has come by now. */
  const mine = (userId: string, which: SQL = isInApp) =>
    and(eq(notifications.userId, userId), which, lte(notifications.dueAt, clock()))

  async function page(userId: string, limit: number, ...which: Array<SQL | undefined>): Promise<InboxItem[]> {
    const rows = await store.read
      .select()
      .from(notifications)
      .where(and(mine(userId), ...which))
      .orderBy(desc(notifications.dueAt), desc(notifications.id))
      .limit(limit)
    return view(rows, userId)
  }

  async function unread(userId: string): Promise<number> {
    const [row] = await store.read.select({ n: count() }).from(notifications).where(mine(userId, isUnread)).limit(1)
    return row?.n ?? 0
  }

  let looking: Promise<void> | undefined

  /** One look at a time: a slow database is not asked again meanwhile. */
  function look(): Promise<void> {
    looking ??= lookOnce().finally(() => {
      looking = undefined
    })
    return looking
  }

  async function lookOnce(): Promise<void> {
    const userIds = [...new Set([...watchers].map(({ userId }) => userId))]
    if (userIds.length === 0) return
    for (let from = 0; from < userIds.length; from += LOOK_AT_ONCE) {
      const rows = await store.read
        .select()
        .from(notifications)
        .where(
          and(
            inArray(notifications.userId, userIds.slice(from, from + LOOK_AT_ONCE)),
            isInApp,
            gte(notifications.dueAt, clock() - LOOK_BACK_MS),
            lte(notifications.dueAt, clock()),
          ),
        )
        .orderBy(notifications.dueAt, notifications.id)
      const byPerson = Map.groupBy(rows, ({ userId }) => userId)
      for (const watcher of [...watchers]) {
        const news = byPerson.get(watcher.userId)
        if (news) await bringUpToDate(watcher, news)
      }
    }
  }

  async function bringUpToDate(watcher: Watcher, rows: NotificationRow[]): Promise<void> {
    const { userId, since } = watcher
    const news = rows.filter(({ id, dueAt }) => dueAt >= since && !watcher.told.has(id))
    // What is older than a look goes back to cannot come again.
    watcher.told = new Set([...watcher.told].filter((id) => rows.some((row) => row.id === id)))
    const items = await view(news, userId)
    const number = items.length > 0 ? await unread(userId) : 0
    // What could not be read is told at the next look.
    for (const { id } of news) watcher.told.add(id)
    for (const item of items) watcher.tell(item, number)
  }

  return {
    list: (userId, { unread: onlyUnread, limit, after }) =>
      page(userId, limit, onlyUnread ? isUnread : undefined, after && isAfter(after)),

    async since(userId, id, limit) {
      const [last] = await store.read
        .select({ at: notifications.dueAt })
        .from(notifications)
        .where(and(eq(notifications.id, id), mine(userId)))
      if (!last) return []
      return (await page(userId, limit, isBefore({ at: last.at, id }))).reverse()
    },

    unread,

    async read(userId, id) {
      const changed = await store.write((tx) =>
        tx
          .update(notifications)
          .set({ readAt: clock() })
          .where(and(eq(notifications.id, id), mine(userId), isNull(notifications.readAt)))
          .returning({ id: notifications.id }),
      )
      const [row] = await store.read
        .select()
        .from(notifications)
        .where(and(eq(notifications.id, id), mine(userId)))
      if (!row && changed.length === 0) return fail('notification_not_found')
      const [item] = await view(row ? [row] : [], userId)
      return item ? ok(item) : fail('notification_not_found')
    },

    async readAll(userId) {
      let total = 0
      for (;;) {
        const changed = await store.write(async (tx) => {
          const rows = await tx
            .select({ id: notifications.id })
            .from(notifications)
            .where(mine(userId, isUnread))
            .limit(READ_AT_ONCE)
          const ids = rows.map(({ id }) => id)
          if (ids.length > 0)
            await tx.update(notifications).set({ readAt: clock() }).where(inArray(notifications.id, ids))
          return ids.length
        })
        total += changed
        if (changed < READ_AT_ONCE) return total
      }
    },

    watch(userId, act, giveWay, since = clock()) {
      const watcher: Watcher = { userId, tell: act, giveWay, since, told: new Set() }
      const mine = [...watchers].filter((each) => each.userId === userId)
      if (mine.length >= WATCHERS_EACH) mine[0]?.giveWay()
      watchers.add(watcher)
      timer ??= setInterval(() => {
        look().catch((error) => log.warn({ error }, 'new items could not be looked for'))
      }, LOOK_MS)
      return () => {
        watchers.delete(watcher)
        if (watchers.size > 0) return
        clearInterval(timer)
        timer = undefined
      }
    },

    look,

    close() {
      clearInterval(timer)
      timer = undefined
      for (const act of endings) act()
      watchers.clear()
    },

    onClose(act) {
      endings.add(act)
      return () => endings.delete(act)
    },
  }
}
