/** People and machines: how they are found, and how others may see them. */
import { and, eq, ne } from 'drizzle-orm'
import { type Db, prepared, type Tx } from '../../../platform/db'
import { count, forUpdate } from '../../../platform/db/dialect'
import type { Runtime } from '../../../platform/runtime'
import { users } from '../schema'

export type User = typeof users.$inferSelect
export type UserStatus = 'pending_verification' | 'active' | 'frozen' | 'closed'

/** A user as they see themselves. */
export interface UserView {
  id: string
  name: string
  email: string
  phone: string | null
  role: string
  status: string
  pinSet: boolean
  createdAt: string
}

export function userView(user: User): UserView {
  const { id, name, email, phone, role, status, pinHash, createdAt } = user
  return {
    id,
    name,
    email,
    phone,
    role,
    status,
    pinSet: pinHash !== null,
    createdAt: new Date(createdAt).toISOString(),
  }
}

/** One address, however it was typed: look-alike forms are folded (NFKC), and case does not matter. */
export function emailKeyOf(email: string): string {
  return email.normalize('NFKC').trim().toLowerCase()
}

export function phoneOf(text: string): string {
  return text.replaceAll(/[\s().-]/g, '')
}

const selectById = prepared<{ id: string }, User[]>('user_by_id', (db, $) =>
  db
    .select()
    .from(users)
    .where(eq(users.id, $('id'))),
)

const selectByEmail = prepared<{ emailKey: string }, User[]>('user_by_email', (db, $) =>
  db
    .select()
    .from(users)
    .where(eq(users.emailKey, $('emailKey'))),
)

const selectByPhone = prepared<{ phone: string }, User[]>('user_by_phone', (db, $) =>
  db
    .select()
    .from(users)
    .where(eq(users.phone, $('phone'))),
)

const REMEMBERED_LIMIT = 20_000

/** The only place that reads and writes users, so that what is remembered of them is never stale. */
export interface Users {
  /** By id, from memory where that is safe; for requests, outside units. */
  byId(id: string): User | undefined | Promise<User | undefined>
  byIdIn(db: Db, id: string): Promise<User | undefined>
  byEmail(db: Db, email: string): Promise<User | undefined>
  byPhone(db: Db, phone: string): Promise<User | undefined>
  /** By user id, e-mail address or phone number. */
  byReference(reference: string): Promise<User | undefined>
  /** Within a unit, locked until it ends. */
  lock(tx: Tx, id: string): Promise<User | undefined>
  insert(tx: Tx, user: User): Promise<void>
  change(tx: Tx, id: string, changes: Partial<Omit<User, 'id'>>): Promise<void>
  countOperators(db: Db): Promise<number>
}

export function createUsers({ store }: Runtime): Users {
  const remembered = new Map<string, User>()

  function remember(user: User): User {
    const oldest = remembered.size >= REMEMBERED_LIMIT ? remembered.keys().next().value : undefined
    if (oldest !== undefined) remembered.delete(oldest)
    remembered.set(user.id, user)
    return user
  }

  function byId(id: string): User | undefined | Promise<User | undefined> {
    const known = remembered.get(id)
    if (known) return known
    const settled = store.settled()
    const found = selectById(store.read, { id })
    if (!Array.isArray(found)) return Promise.resolve(found).then(([user]) => user)
    const [user] = found
    return user && settled ? remember(user) : user
  }

  const byEmail = async (db: Db, email: string) => (await selectByEmail(db, { emailKey: emailKeyOf(email) }))[0]
  const byPhone = async (db: Db, phone: string) => (await selectByPhone(db, { phone: phoneOf(phone) }))[0]

  return {
    byId,
    byIdIn: async (db, id) => (await selectById(db, { id }))[0],
    byEmail,
    byPhone,
    async byReference(reference) {
      if (reference.startsWith('usr_')) return byId(reference)
      return reference.includes('@') ? byEmail(store.read, reference) : byPhone(store.read, reference)
    },
    async lock(tx, id) {
      const [user] = await forUpdate(tx.select().from(users).where(eq(users.id, id)))
      return user
    },
    async insert(tx, user) {
      await tx.insert(users).values(user)
    },
    async change(tx, id, changes) {
      store.afterwards(tx, () => remembered.delete(id))
      await tx.update(users).set(changes).where(eq(users.id, id))
    },
    async countOperators(db) {
      const [row] = await db
        .select({ n: count() })
        .from(users)
        .where(and(eq(users.role, 'operator'), ne(users.status, 'closed')))
      return row?.n ?? 0
    },
  }
}
