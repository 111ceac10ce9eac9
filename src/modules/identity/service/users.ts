/** People and machines: how they are found, and how others may see them. */
import { and, asc, eq, gt, inArray, isNotNull, like, ne, or, sql } from 'drizzle-orm'
import { type Db, prepared, type Tx } from '../../../platform/db'
import { count, forUpdate } from '../../../platform/db/dialect'
import { idText } from '../../../platform/ids'
import { iso } from '../../../platform/moment'
import type { Runtime } from '../../../platform/runtime'
import { users } from '../schema'

export type User = typeof users.$inferSelect

/** A user as they see themselves. */
export interface UserView {
  id: string
  name: string
  email: string
  phone: string | null
  phoneVerified: boolean
  role: string
  status: string
  /** The agent whose till a teller works at. */
  agentId: string | null
  pinSet: boolean
  createdAt: string
}

export function userView(user: User): UserView {
  const { id, name, email, phone, phoneVerifiedAt, role, status, agentId, pinHash, createdAt } = user
  return {
    id,
    name,
    email,
    phone,
    phoneVerified: phoneVerifiedAt !== null,
    role,
    status,
    agentId,
    pinSet: pinHash !== null,
    createdAt: iso(createdAt),
  }
}

/** One address, however it was typed: compatibility forms are folded (NFKC), and case does not matter. */
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
    .where(and(eq(users.phone, $('phone')), isNotNull(users.phoneVerifiedAt))),
)

const REMEMBERED_LIMIT = 20_000

/** The only place that reads and writes users, so that what is remembered of them is never stale. */
export interface Users {
  /** By id, from memory where that is safe; for requests, outside units. */
  byId(id: string): User | undefined | Promise<User | undefined>
  byIdIn(db: Db, id: string): Promise<User | undefined>
  /** Many at once, by one query. */
  byIds(ids: readonly string[]): Promise<Map<string, User>>
  byEmail(db: Db, email: string): Promise<User | undefined>
  /** Whoever has proved that the number is theirs. */
  byPhone(db: Db, phone: string): Promise<User | undefined>
  /** By user id, e-mail address or proved phone number. */
  byReference(reference: string): Promise<User | undefined>
  /** The one active person who claims a number that nobody has proved. */
  byClaimedPhone(phone: string): Promise<User | undefined>
  /** Within a unit, locked until it ends. */
  lock(tx: Tx, id: string): Promise<User | undefined>
  /** The id that a registration of the address gets; it tells nothing of whether there is one. */
  idFor(email: string): string
  create(tx: Tx, user: NewUserRow): Promise<User>
  change(tx: Tx, id: string, changes: Partial<Omit<User, 'id'>>): Promise<void>
  countOperators(db: Db): Promise<number>
  /** By the beginning of a name, address or number, in the order of their ids. */
  search(filter: UserFilter): Promise<User[]>
}

/** What is known of somebody when the account is made. */
export type NewUserRow = Pick<User, 'name' | 'email' | 'phone' | 'role' | 'status' | 'passwordHash' | 'pinHash'> &
  Partial<Pick<User, 'phoneVerifiedAt' | 'agentId'>>

export interface UserFilter {
  text?: string | undefined
  role?: string | undefined
  agentId?: string | undefined
  limit: number
  after?: string | undefined
}

export function createUsers({ store, clock, newId, keyring }: Runtime): Users {
  const remembered = new Map<string, User>()

  /**
   * Made of the address by a keyed hash, so that the answer to a registration is the same whether or not there is an
   * account already, and tells not even its age.
   */
  const idFor = (email: string) => `usr_${idText(Buffer.from(keyring.hash('user-id', emailKeyOf(email)), 'base64url'))}`

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
    async byIds(ids) {
      const wanted = [...new Set(ids)]
      const found = wanted.length === 0 ? [] : await store.read.select().from(users).where(inArray(users.id, wanted))
      return new Map(found.map((user) => [user.id, user]))
    },
    byEmail,
    byPhone,
    async byReference(reference) {
      if (reference.startsWith('usr_')) return byId(reference)
      return reference.includes('@') ? byEmail(store.read, reference) : byPhone(store.read, reference)
    },
    async byClaimedPhone(phone) {
      const claims = await store.read
        .select()
        .from(users)
        .where(and(eq(users.phone, phoneOf(phone)), eq(users.status, 'active')))
        .limit(2)
      return claims.length === 1 ? claims[0] : undefined
    },
    async lock(tx, id) {
      const [user] = await forUpdate(tx.select().from(users).where(eq(users.id, id)))
      return user
    },
    idFor,
    async create(tx, user) {
      const now = clock()
      const [taken] = await selectById(tx, { id: idFor(user.email) })
      const row: User = {
        phoneVerifiedAt: null,
        agentId: null,
        ...user,
        id: taken ? newId('usr') : idFor(user.email),
        emailKey: emailKeyOf(user.email),
        pinFailures: 0,
        pinLockedUntil: 0,
        factorFailures: 0,
        factorLockedUntil: 0,
        passwordFailures: 0,
        codeFactors: [],
        createdAt: now,
        updatedAt: now,
      }
      await tx.insert(users).values(row)
      return row
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
    search({ text, role, agentId, limit, after }) {
      const beginning = text === undefined ? undefined : `${text.replaceAll(/[%_]/g, '')}%`
      return store.read
        .select()
        .from(users)
        .where(
          and(
            beginning === undefined
              ? undefined
              : or(
                  like(users.emailKey, emailKeyOf(beginning)),
                  like(users.phone, phoneOf(beginning)),
                  like(sql`lower(${users.name})`, beginning.toLowerCase()),
                  eq(users.id, text as string),
                ),
            role === undefined ? undefined : eq(users.role, role),
            agentId === undefined ? undefined : eq(users.agentId, agentId),
            after === undefined ? undefined : gt(users.id, after),
          ),
        )
        .orderBy(asc(users.id))
        .limit(limit)
    },
  }
}
